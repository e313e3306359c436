import { expect, test } from "bun:test";
import { compileTemplate } from "./go-template.ts";

const renderTemplate = (template: string, data: unknown) => compileTemplate(template)(data);

const DATA = {
  Name: "/web",
  State: { Running: true, ExitCode: 0, Pid: 12 },
  Config: { Env: ["A=1", "B=2"], Labels: { "com.x": "y" } },
  Empty: [],
  HostConfig: { Binds: null, PidsLimit: null, PortBindings: null, NanoCpus: 5 },
  Label: (name: unknown) => `<${name}>`,
};

test.each([
  ["{{.Name}}", "/web"],
  ["{{.State.Pid}} {{ .State.ExitCode }}", "12 0"],
  ["{{json .State}}", '{"Running":true,"ExitCode":0,"Pid":12}'],
  ["{{.Config.Env}}", "[A=1 B=2]"],
  ["{{range .Config.Env}}{{.}};{{end}}", "A=1;B=2;"],
  ["{{range .Config.Env}}{{println .}}{{end}}", "A=1\nB=2\n"],
  ["{{if .State.Running}}up{{else}}down{{end}}", "up"],
  ["{{if not .State.Running}}up{{else}}down{{end}}", "down"],
  ["{{if eq .State.Pid 12}}yes{{end}}", "yes"],
  ['{{join .Config.Env ","}}', "A=1,B=2"],
  ["{{.Name | upper}}", "/WEB"],
  ['{{index .Config.Labels "com.x"}}', "y"],
  ['{{index .Config.Labels "none"}}', ""],
  ["{{len .Config.Env}}", "2"],
  ["{{with .State}}{{.Pid}} {{$.Name}}{{end}}", "12 /web"],
  ["{{.Config.Labels}}", "map[com.x:y]"],
  ["{{range .Empty}}x{{else}}none{{end}}", "none"],
  ["a {{- .Name -}} b", "a/webb"],
  ["{{if .Empty}}a{{else if .Name}}b{{else}}c{{end}}", "b"],
  ["{{with .Empty}}a{{else with .Name}}{{.}}{{end}}", "/web"],
  ["{{range $i, $e := .Config.Env}}{{$i}}:{{$e}} {{end}}", "0:A=1 1:B=2 "],
  ["{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{end}}", "com.x=y"],
  ["{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"],
  ["{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}}", "1"],
  ['{{range .Config.Env}}{{if eq . "B=2"}}{{break}}{{end}}{{.}}{{end}}', "A=1"],
  ['{{(index .Config.Env 0) | lower | printf "%5s|"}}', "  a=1|"],
  ["{{and .Empty .Nope}}{{or .Name .Nope}}", "[]/web"],
  ['{{printf "%q %05d %-3s| %v %%" .Name 7 "x" .Empty}}', '"/web" 00007 x  | [] %'],
  ["{{`a\\b`}}{{\"\\u00e9\\n\"}}{{'a'}}", "a\\bé\n97"],
  ['a{{/* } " */}}b', "ab"],
  ['{{slice .Name 1 3}}{{len .Name}}{{title "ab cd"}}', "we4Ab Cd"],
  [
    "{{.HostConfig.Binds}} {{.HostConfig.PidsLimit}} {{.HostConfig.PortBindings}} {{.HostConfig.NanoCPUs}}",
    "[] <nil> map[] 5",
  ],
  ["{{if .HostConfig.Binds}}a{{end}}{{len .HostConfig.Binds}}{{range .HostConfig.Binds}}b{{end}}", "0"],
  ["{{.Config.Healthcheck}} {{.Config.Labels.nope}} {{json .HostConfig.Binds}}", "<nil> <no value> null"],
  ['{{.Label "x"}} {{"y" | .Label}}', "<x> <y>"],
  ["{{.State}}", "map[ExitCode:0 Pid:12 Running:true]"],
  ['{{1.5}} {{-3}} {{true}} {{lt 1 2}} {{ge "a" "b"}}', "1.5 -3 true true false"],
] as const)("%s", (template, text) => expect(renderTemplate(template, DATA)).toBe(text));

test.each([
  ["{{.Nope}}", 'map has no entry for key "Nope"'],
  ["{{.Name", "unclosed action"],
  ["{{if .Name}}", "unexpected EOF"],
  ["{{nonsense .Name}}", 'function "nonsense" not defined'],
  ["{{end}}", "unexpected {{end}}"],
  ["{{$y}}", 'undefined variable "$y"'],
  ["{{}}", "missing value for command"],
  ["{{(.Name}}", "unclosed left paren"],
  ['{{"a}}', "unterminated quoted string"],
  ["{{break}}", "{{break}} outside {{range}}"],
  ['{{template "x"}}', "{{template}} is not available in berth"],
  ["ab {{.State.Nope}}", 'template: :1:11: executing "" at <.State.Nope>: map has no entry for key "Nope"'],
  ["{{.Config.Labels.ax.Nope}}", "nil pointer evaluating interface {}.Nope"],
  ["{{.State.Health.Status}}", 'at <.State.Health.Status>: map has no entry for key "Health"'],
  ["{{index .Config.Env 9}}", "at <index .Config.Env 9>: error calling index: index out of range: 9"],
  ['{{.Name "x"}}', "Name is not a method but has arguments"],
  ["{{range .Name}}{{end}}", "at <.Name>: range can't iterate over /web"],
  ["{{upper 1}}", "wrong type for value; expected string; got int"],
] as const)("%s is refused", (template, message) => {
  expect(() => renderTemplate(template, DATA)).toThrow(message);
});

test("what was rendered before a failure is kept, names of objects' own are no fields", () => {
  expect(() => renderTemplate("a{{.Name}}{{.constructor}}", DATA)).toThrow(
    expect.objectContaining({ phase: "execute", written: "a/web" }),
  );
  expect(() => renderTemplate("{{toString}}", DATA)).toThrow('function "toString" not defined');
});
