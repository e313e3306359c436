import { describe, expect, test } from "bun:test";
import { type Listing, renderListing } from "./listing.ts";
import { displayPorts } from "./ports.ts";
import { renderTable } from "./table.ts";

const LISTING: Listing = {
  titles: { ID: "THE ID", Name: "NAME", Note: "NOTE" },
  columns: ["ID", "Name", "Note"],
  typeName: "*thing",
  complaints: ["cannot read", "does not fit"],
};
const ROWS = [
  { ID: "1", Name: "a-long-name", Note: "<x>", Label: (name: unknown) => `label ${name}` },
  { ID: "22", Name: "b", Note: "", Label: () => "" },
];

test.each([
  ["", "THE ID    NAME          NOTE\n1         a-long-name   <x>\n22        b             \n"],
  ["table {{.Name}}", "NAME\na-long-name\nb\n"],
  ["table {{.ID}}\\t{{upper .Name}}", "THE ID    NAME\n1         A-LONG-NAME\n22        B\n"],
  ['table {{.Label "com.x-y"}}\t{{.ID}}', "x y             THE ID\nlabel com.x-y   1\n                22\n"],
  ["{{.ID}}={{.Note}}", "1=<x>\n22=\n"],
  ["json", '{"ID":"1","Name":"a-long-name","Note":"\\u003cx\\u003e"}\n{"ID":"22","Name":"b","Note":""}\n'],
  ["{{json .Note}}", '"\\u003cx\\u003e"\n""\n'],
  ["  padded  ", "padded\npadded\n"],
])("%s", (format, text) => expect(renderListing(format, LISTING, ROWS)).toBe(text));

test.each([
  [
    "{{.Nope}}",
    'does not fit: template: :1:2: executing "" at <.Nope>: can\'t evaluate field Nope in type *thing',
  ],
  ["{{.ID", "cannot read: template: :1: unclosed action"],
])("%s is refused", (format, message) => expect(() => renderListing(format, LISTING, ROWS)).toThrow(message));

test("a table without rows has its header, however wide", () => {
  expect(renderListing("table", LISTING, [])).toBe("THE ID    NAME      NOTE\n");
  expect(
    renderTable([
      ["é", "x"],
      ["日本語-----", "y"],
    ]),
  ).toBe("é          x\n日本語-----   y\n");
});

describe("ports", () => {
  const port = (PrivatePort: number, PublicPort?: number, IP?: string, Type = "tcp") => ({
    PrivatePort,
    PublicPort,
    IP,
    Type,
  });
  test.each([
    [[], ""],
    [[port(80)], "80/tcp"],
    [[port(81), port(80), port(82), port(90)], "80-82/tcp, 90/tcp"],
    [[port(80, 8080, "0.0.0.0"), port(80, 8080, "::")], "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"],
    [[port(80, 80, "0.0.0.0"), port(81, 81, "0.0.0.0")], "0.0.0.0:80-81->80-81/tcp"],
    [[port(53), port(53, undefined, undefined, "udp")], "53/tcp, 53/udp"],
  ])("%j", (ports, text) => expect(displayPorts(ports)).toBe(text));
});
