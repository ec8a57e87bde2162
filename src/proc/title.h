/* proc/title.h
 *
 * Purpose    The name that ps and top show for a process: "yett: worker 0".
 * Lifetime   proc_title_init() with main's argv before anything else looks at it. */
#ifndef YETT_PROC_TITLE_H
#define YETT_PROC_TITLE_H

/* Moves the strings of argv and environ to the heap; argv keeps its meaning. */
void proc_title_init(int argc, char **argv);
void proc_title_set(const char *title);

#endif
