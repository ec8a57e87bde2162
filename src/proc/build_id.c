#include "proc/build_id.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"

enum { NOTE_ALIGN = 4 };

static size_t note_padded(size_t bytes)
{
    return (bytes + NOTE_ALIGN - 1) & ~(size_t)(NOTE_ALIGN - 1);
}

/* Notes follow one another: a header, the owner's name, the content, each padded (elf(5)). */
static bool notes_search(const char *notes, size_t bytes, struct proc_build_id *ret_id)
{
    static const char owner[] = "GNU";
    ElfW(Nhdr) note;

    while (bytes >= sizeof(note)) {
        memcpy(&note, notes, sizeof(note));
        size_t content = sizeof(note) + note_padded(note.n_namesz);
        size_t whole = content + note_padded(note.n_descsz);
        if (whole > bytes)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(owner) &&
            memcmp(notes + sizeof(note), owner, sizeof(owner)) == 0) {
            memcpy(ret_id->bytes, notes + content,
                   MIN((size_t)note.n_descsz, sizeof(ret_id->bytes)));
            return true;
        }
        notes += whole;
        bytes -= whole;
    }
    return false;
}

/* The program itself comes first (dl_iterate_phdr(3)); what it is linked with is not asked. */
static int on_object(struct dl_phdr_info *object, size_t info_bytes, void *ctx)
{
    (void)info_bytes;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_NOTE &&
            notes_search((const char *)(object->dlpi_addr + part->p_vaddr), part->p_memsz, ctx))
            return 1;
    }
    return -1;
}

struct proc_build_id proc_build_id_get(void)
{
    struct proc_build_id id = { 0 };

    if (dl_iterate_phdr(on_object, &id) != 1)
        memcpy(id.bytes, YETT_VERSION, MIN(sizeof(YETT_VERSION), sizeof(id.bytes)));
    return id;
}
