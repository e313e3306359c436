import { describe, expect, test } from "bun:test";
import type { ContainerConfig } from "../../../api/container-config.ts";
import { mergeImageConfig } from "./merge-image-config.ts";

const IMAGE: ContainerConfig = { Entrypoint: ["/entry"], Cmd: ["serve"] };
const command = (client: ContainerConfig, image = IMAGE) => {
  const { Entrypoint, Cmd } = mergeImageConfig(client, image);
  return [Entrypoint, Cmd];
};

describe("what is executed", () => {
  test.each<[string, ContainerConfig, unknown]>([
    ["nothing given", {}, [["/entry"], ["serve"]]],
    ["only a command", { Cmd: ["x"] }, [["/entry"], ["x"]]],
    ["an entrypoint sets the image's command aside", { Entrypoint: ["/mine"] }, [["/mine"], null]],
    ["both", { Entrypoint: ["/mine"], Cmd: ["x"] }, [["/mine"], ["x"]]],
    ["a cleared entrypoint", { Entrypoint: [""], Cmd: ["x"] }, [null, ["x"]]],
    ["an empty list clears the entrypoint and keeps the command", { Entrypoint: [] }, [[], ["serve"]]],
    ["a lone string", { Cmd: "x" }, [["/entry"], ["x"]]],
  ])("%s", (_case, client, expected) => expect(command(client)).toEqual(expected as never));

  test("has to be something", () => {
    expect(() => mergeImageConfig({}, {})).toThrow("no command specified");
    expect(() => mergeImageConfig({ Entrypoint: [""] }, IMAGE)).toThrow("no command specified");
  });
});

test("the client's variables, labels, ports and texts win by key", () => {
  const merged = mergeImageConfig(
    {
      Env: ["A=mine", "B"],
      Labels: { x: "mine" },
      ExposedPorts: { "1/tcp": {} },
      User: "",
      WorkingDir: "/w",
      Cmd: ["c"],
    },
    {
      Env: ["A=image", "B=image", "C=image"],
      Labels: { x: "image", y: "image" },
      ExposedPorts: { "2/tcp": {} },
      User: "app",
      WorkingDir: "/image",
      StopSignal: "SIGINT",
    },
  );
  expect(merged).toMatchObject({
    Env: ["A=mine", "B", "C=image"],
    Labels: { x: "mine", y: "image" },
    ExposedPorts: { "1/tcp": {}, "2/tcp": {} },
    User: "app",
    WorkingDir: "/w",
    StopSignal: "SIGINT",
  });
});
