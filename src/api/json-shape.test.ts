import { describe, expect, test } from "bun:test";
import { isKind } from "../base/errors.ts";
import { containerCreateRequest, execCreateRequest } from "./container-shapes.ts";

const create = (json: string) => containerCreateRequest(JSON.parse(json), "CreateRequest");

describe("the shape of a create request", () => {
  test("keeps what is known and drops the rest and nulls", () => {
    expect(
      create('{"Image":"busybox","Env":null,"Nonsense":1,"HostConfig":{"Memory":5,"Binds":null}}'),
    ).toEqual({
      Image: "busybox",
      HostConfig: { Memory: 5 },
    });
  });

  test("takes field names in any case, as Go does", () => {
    expect(create('{"image":"a","hostconfig":{"memory":1}}')).toEqual({
      Image: "a",
      HostConfig: { Memory: 1 },
    });
  });

  test("takes a command as one text", () => {
    expect(create('{"Cmd":"ls","Entrypoint":["sh","-c"]}')).toEqual({
      Cmd: ["ls"],
      Entrypoint: ["sh", "-c"],
    });
    expect(execCreateRequest({ Cmd: "ls", ConsoleSize: [24, 80] }, "x")).toEqual({
      Cmd: ["ls"],
      ConsoleSize: [24, 80],
    });
  });

  test("keys of maps stay own properties", () => {
    const labels = create('{"Labels":{"__proto__":"x"}}').Labels ?? {};
    expect(Object.entries(labels)).toEqual([["__proto__", "x"]]);
    expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
    expect(create('{"__proto__":{"Image":"x"}}')).toEqual({});
  });

  test("null port bindings and endpoints stay null", () => {
    expect(
      create(
        '{"HostConfig":{"PortBindings":{"80/tcp":null}},"NetworkingConfig":{"EndpointsConfig":{"a":null}}}',
      ),
    ).toEqual({
      HostConfig: { PortBindings: { "80/tcp": null } },
      NetworkingConfig: { EndpointsConfig: { a: null } },
    });
  });

  test.each([
    ['{"Image":1}', "cannot unmarshal number into Go struct field CreateRequest.Image of type string"],
    ['{"Tty":"yes"}', "cannot unmarshal string into Go struct field CreateRequest.Tty of type bool"],
    [
      '{"HostConfig":{"Memory":"1g"}}',
      "string into Go struct field CreateRequest.HostConfig.Memory of type int64",
    ],
    [
      '{"HostConfig":{"Memory":1.5}}',
      "number 1.5 into Go struct field CreateRequest.HostConfig.Memory of type int64",
    ],
    ['{"Env":{"A":"b"}}', "cannot unmarshal object into Go struct field CreateRequest.Env"],
    ['{"Env":["A",1]}', "cannot unmarshal number into Go struct field CreateRequest.Env of type string"],
    ['{"HostConfig":[]}', "cannot unmarshal array into Go struct field CreateRequest.HostConfig"],
    [
      '{"HostConfig":{"ConsoleSize":[-1,2]}}',
      "number -1 into Go struct field CreateRequest.HostConfig.ConsoleSize",
    ],
    ["[]", "cannot unmarshal array into Go value CreateRequest"],
  ])("%s is refused", (json, message) => {
    const thrown = (() => {
      try {
        create(json);
        return undefined;
      } catch (error) {
        return error;
      }
    })();
    expect(isKind(thrown, "invalid")).toBe(true);
    expect(String(thrown)).toContain(message);
    expect(String(thrown)).toContain("invalid JSON: json: ");
  });
});
