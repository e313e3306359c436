import { expect, test } from "bun:test";
import { compileTemplate } from "./go-template.ts";

const renderTemplate = (template: string, data: unknown) => compileTemplate(template)(data);

const DATA = {
  Name: "/web",
  State: { Running: true, ExitCode: 0, Pid: 12 },
  Config: { Env: ["A=1", "B=2"], Labels: { "com.x": "y" } },
  Empty: [],
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
] as const)("%s", (template, text) => expect(renderTemplate(template, DATA)).toBe(text));

test.each([
  ["{{.Nope}}", 'map has no entry for key "Nope"'],
  ["{{.Name", "unclosed action"],
  ["{{if .Name}}", "unexpected EOF"],
  ["{{nonsense .Name}}", 'function "nonsense" not defined'],
] as const)("%s is refused", (template, message) => {
  expect(() => renderTemplate(template, DATA)).toThrow(message);
});
