import { describe, expect, test } from "bun:test";
import type { ContainerConfig } from "../../../api/container-config.ts";
import { applyChanges } from "./apply-changes.ts";

describe("applyChanges", () => {
  test.each<[string[], ContainerConfig]>([
    [['CMD ["/bin/sh", "-c", "true"]'], { Cmd: ["/bin/sh", "-c", "true"] }],
    [["CMD echo  hello   world"], { Cmd: ["/bin/sh", "-c", "echo  hello   world"] }],
    [["cmd x"], { Cmd: ["/bin/sh", "-c", "x"] }],
    [["CMD ['a']"], { Cmd: ["/bin/sh", "-c", "['a']"] }],
    [["CMD []"], { Cmd: [] }],
    [["CMD"], { Cmd: [] }],
    [['ENTRYPOINT ["a"]', 'CMD ["b"]'], { Entrypoint: ["a"], Cmd: ["b"] }],
    [['CMD ["b"]', 'ENTRYPOINT ["a"]'], { Entrypoint: ["a"], Cmd: ["b"] }],
    [["ENV A=1 B='two words' C=\"x y\" D=a\\ b"], { Env: ["A=1", "B=two words", "C=x y", "D=a b"] }],
    [["ENV KEY the  rest"], { Env: ["KEY=the  rest"] }],
    [["ENV A=1", "ENV A=2"], { Env: ["A=2"] }],
    [["ENV A=1", `ENV B=$A-\${A}-\${X:-d}-\${A:+s}-\\$A-'$A'`], { Env: ["A=1", "B=1-1-d-s-$A-$A"] }],
    [["ENV A=1 B=$A"], { Env: ["A=1", "B="] }],
    [["ENV A=1 \\\n  B=2"], { Env: ["A=1", "B=2"] }],
    [["ENV A=x=y"], { Env: ["A=x=y"] }],
    [["# comment\n\nUSER me"], { User: "me" }],
    [
      ["EXPOSE 80 53/udp 8000-8002/TCP"],
      { ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {} } },
    ],
    [["ENV P=81", "EXPOSE $P"], { Env: ["P=81"], ExposedPorts: { "81/tcp": {} } }],
    [['LABEL a=b "c d"="e f"'], { Labels: { a: "b", "c d": "e f" } }],
    [["LABEL a b c"], { Labels: { a: "b c" } }],
    [["WORKDIR /a", "WORKDIR b/../c"], { WorkingDir: "/a/c" }],
    [["WORKDIR x"], { WorkingDir: "/x" }],
    [['VOLUME ["/a", "/b c"]'], { Volumes: { "/a": {}, "/b c": {} } }],
    [["VOLUME /a /b"], { Volumes: { "/a": {}, "/b": {} } }],
    [["STOPSIGNAL SIGTERM"], { StopSignal: "SIGTERM" }],
    [["STOPSIGNAL 9"], { StopSignal: "9" }],
    [["STOPSIGNAL rtmin+3"], { StopSignal: "rtmin+3" }],
    [["HEALTHCHECK NONE"], { Healthcheck: { Test: ["NONE"] } }],
    [
      ["HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 --start-period=0s CMD curl -f http://x"],
      {
        Healthcheck: {
          Test: ["CMD-SHELL", "curl -f http://x"],
          Interval: 90e9,
          Timeout: 5e8,
          Retries: 3,
          StartPeriod: 0,
        },
      },
    ],
    [['HEALTHCHECK CMD ["a", "b"]'], { Healthcheck: { Test: ["CMD", "a", "b"] } }],
    [["ONBUILD RUN make  all"], { OnBuild: ["RUN make  all"] }],
  ])("%j", (changes, expected) => {
    expect(applyChanges({}, changes)).toEqual(expected);
  });

  test("works on top of a config and leaves that alone", () => {
    const before: ContainerConfig = { Env: ["A=1", "B=2"], Cmd: ["x"], Labels: { a: "1" }, WorkingDir: "/w" };
    const after = applyChanges(before, ["ENV A=3", "ENTRYPOINT e", "LABEL b=2", "WORKDIR v"]);
    expect(after).toEqual({
      Env: ["B=2", "A=3"],
      Entrypoint: ["/bin/sh", "-c", "e"],
      Labels: { a: "1", b: "2" },
      WorkingDir: "/w/v",
    });
    expect(before.Env).toEqual(["A=1", "B=2"]);
  });

  test.each<[string, string]>([
    ["FROM scratch", "FROM is not a valid change command"],
    ["RUN rm -rf /", "RUN is not a valid change command"],
    ["constructor x", "constructor is not a valid change command"],
    ["ENV", "ENV requires at least one argument"],
    ["ENV A", "ENV must have two arguments"],
    ["ENV A=1 B", `Syntax error - can't find = in "B". Must be of the form: name=value`],
    ["ENV =1", "ENV names can not be blank"],
    ["ENV A='x", "looking for matching single-quote"],
    ['ENV A="x', "looking for matching double-quote"],
    ["ENV A=${", "bad substitution"],
    ["ENV A=${B", "substitution"],
    [`ENV A=\${B:?needed}`, "needed"],
    ["EXPOSE 99999", "invalid containerPort: 99999"],
    ["EXPOSE 10-5", "invalid containerPort: 10-5"],
    ["EXPOSE 80/icmp", "invalid proto: icmp"],
    ["USER a b", "USER requires exactly one argument"],
    ["STOPSIGNAL SIGNOPE", "Invalid signal: SIGNOPE"],
    ["STOPSIGNAL 65", "Invalid signal: 65"],
    ["HEALTHCHECK RUN x", `Unknown type "RUN" in HEALTHCHECK (try CMD)`],
    ["HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"],
    ["HEALTHCHECK --interval=1us CMD x", "cannot be less than 1ms"],
    ["HEALTHCHECK --interval=soon CMD x", "invalid duration"],
    ["HEALTHCHECK --nope=1 CMD x", "Unknown flag: nope"],
    ["ONBUILD ONBUILD RUN x", "isn't allowed"],
    ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"],
    ['VOLUME [""]', "VOLUME specified can not be an empty string"],
  ])("refuses %j", (change, message) => {
    expect(() => applyChanges({}, [change])).toThrow(message);
  });

  test("refuses absurd amounts", () => {
    expect(() =>
      applyChanges(
        {},
        Array.from({ length: 300 }, () => "USER a"),
      ),
    ).toThrow("changes");
    expect(() => applyChanges({}, [`USER ${"a".repeat(70_000)}`])).toThrow("changes");
  });
});
