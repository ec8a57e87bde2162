package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Object is a manifest: maps, slices and scalars.
type Object map[string]any

// YAML writes the object in block style, keys sorted, strings quoted as JSON does.
func (o Object) YAML() string {
	var out strings.Builder
	writeMap(&out, o, 0)
	return out.String()
}

func writeMap(out *strings.Builder, m map[string]any, depth int) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(out, "%s%s:", strings.Repeat("  ", depth), scalar(key))
		writeValue(out, m[key], depth+1)
	}
}

func writeValue(out *strings.Builder, value any, depth int) {
	switch v := value.(type) {
	case Object:
		writeValue(out, map[string]any(v), depth)
	case map[string]any:
		if len(v) == 0 {
			out.WriteString(" {}\n")
			return
		}
		out.WriteByte('\n')
		writeMap(out, v, depth)
	case []any:
		if len(v) == 0 {
			out.WriteString(" []\n")
			return
		}
		out.WriteByte('\n')
		for _, item := range v {
			out.WriteString(strings.Repeat("  ", depth) + "-")
			writeValue(out, item, depth+1)
		}
	default:
		out.WriteString(" " + scalar(v) + "\n")
	}
}

// scalar: JSON's scalars are YAML's.
func scalar(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a test builds objects of scalars only
	}
	return string(text)
}
