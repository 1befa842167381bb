// argocd does with objects what Argo CD does: it judges their health and runs actions on them by Lua scripts in
// Argo's sandbox (the base, package and table libraries, a second of time), and compares what is declared with
// what is live by Argo's own code. It reads one JSON value on each line of standard input and prints one line
// for each.
//
//	argocd health SCRIPT     an object: its health, such as {"status":"Healthy"}
//	argocd discover SCRIPT   an object: which actions it offers, and which of them are disabled
//	argocd action SCRIPT     an object: the merge patch that Argo sends to the API server
//	argocd diff              {"config": declared, "live": as it is}: "same", or what differs
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/argoproj/gitops-engine/pkg/diff"
	jsonpatch "github.com/evanphx/json-patch"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "argocd:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 1 && arguments[0] == "diff" {
		return each(compare)
	}
	if len(arguments) != 2 {
		return fmt.Errorf("health, discover or action with a script, or diff")
	}
	script, err := os.ReadFile(arguments[1])
	if err != nil {
		return err
	}
	switch arguments[0] {
	case "health", "discover":
		return each(func(line []byte) (any, error) {
			object, err := read(line)
			if err != nil {
				return nil, err
			}
			return runScript(string(script), object)
		})
	case "action":
		return each(func(line []byte) (any, error) { return patch(string(script), line) })
	}
	return fmt.Errorf("unknown command %s", arguments[0])
}

// each answers every line of standard input.
func each(answer func([]byte) (any, error)) error {
	lines, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		result, err := answer(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		encoded, err := json.Marshal(result)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, string(encoded))
	}
}

func read(line []byte) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	return object, object.UnmarshalJSON(line)
}

// runScript runs a script in Argo's sandbox, with the object as `obj`, and gives the value that it returns.
func runScript(script string, object *unstructured.Unstructured) (json.RawMessage, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage,
		lua.BaseLibName: lua.OpenBase,
		lua.TabLibName:  lua.OpenTable,
	} {
		call := lua.P{Fn: state.NewFunction(open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	// Argo has an `os` of its own, with the time alone.
	safe := state.RegisterModule("os", map[string]lua.LGFunction{
		"time": osTime, "date": osDate,
	})
	state.PreloadModule("os", func(state *lua.LState) int { state.Push(safe); return 1 })
	bounded, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(bounded)
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	result := state.Get(-1)
	if result.Type() != lua.LTTable {
		return nil, fmt.Errorf("the script returns a %s", result.Type())
	}
	return luajson.Encode(result)
}

func osTime(state *lua.LState) int {
	state.Push(lua.LNumber(time.Now().Unix()))
	return 1
}

// osDate knows the one format that our actions use.
func osDate(state *lua.LState) int {
	if format := state.CheckString(1); format != "!%Y-%m-%dT%XZ" {
		state.RaiseError("this test does not know the format %s", format)
	}
	state.Push(lua.LString(time.Now().UTC().Format("2006-01-02T15:04:05Z")))
	return 1
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.CreateTable(len(value), 0)
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetH(lua.LString(key), toLua(state, item))
		}
		return table
	}
	return lua.LNil
}

// patch is what Argo sends for an action that returns the changed object.
func patch(script string, line []byte) (any, error) {
	object, err := read(line)
	if err != nil {
		return nil, err
	}
	returned, err := runScript(script, object)
	if err != nil {
		return nil, err
	}
	var changed map[string]any
	if err := json.Unmarshal(returned, &changed); err != nil {
		return nil, err
	}
	before, err := json.Marshal(object.Object)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(restoreEmpty(changed, object.Object))
	if err != nil {
		return nil, err
	}
	merge, err := jsonpatch.CreateMergePatch(before, after)
	return json.RawMessage(merge), err
}

// restoreEmpty gives empty tables back their kind, as Argo does: to Lua, an empty list and an empty map are one.
func restoreEmpty(changed, before map[string]any) map[string]any {
	for key, value := range changed {
		switch original := before[key].(type) {
		case map[string]any:
			switch value := value.(type) {
			case []any:
				if len(value) == 0 {
					changed[key] = map[string]any{}
				}
			case map[string]any:
				changed[key] = restoreEmpty(value, original)
			}
		case []any:
			list, isList := value.([]any)
			for i := 0; isList && i < len(list) && i < len(original); i++ {
				item, isMap := list[i].(map[string]any)
				if was, wasMap := original[i].(map[string]any); isMap && wasMap {
					list[i] = restoreEmpty(item, was)
				}
			}
		}
	}
	return changed
}

// compare is Argo's comparison with its normal settings: nothing is ignored.
func compare(line []byte) (any, error) {
	var pair struct{ Config, Live json.RawMessage }
	if err := json.Unmarshal(line, &pair); err != nil {
		return nil, err
	}
	config, err := read(pair.Config)
	if err != nil {
		return nil, err
	}
	live, err := read(pair.Live)
	if err != nil {
		return nil, err
	}
	result, err := diff.Diff(config, live, diff.WithNormalizer(diff.GetNoopNormalizer()))
	if err != nil || !result.Modified {
		return "same", err
	}
	return map[string]json.RawMessage{"live": result.NormalizedLive, "wanted": result.PredictedLive}, nil
}
