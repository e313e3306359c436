import { expect, test } from "bun:test";
import { DEFAULT_REGISTRY_SETTINGS } from "../../registry/client/registry-settings.ts";
import { registryInfo } from "./registry-info.ts";

test("mirrors, insecure registries and networks stand where Docker has them", () => {
  const info = registryInfo({
    ...DEFAULT_REGISTRY_SETTINGS,
    registries: new Map([
      ["docker.io", { mirrors: ["https://mirror.example"], insecure: false }],
      ["lab:5000", { mirrors: [], insecure: true }],
      ["*", { mirrors: [], insecure: true }],
    ]),
    insecureRegistries: ["old.example:5000", "10.0.0.0/8"],
  });
  expect(info.RegistryConfig).toEqual({
    AllowNondistributableArtifactsCIDRs: null,
    AllowNondistributableArtifactsHostnames: null,
    InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8", "10.0.0.0/8"],
    IndexConfigs: {
      "docker.io": { Name: "docker.io", Mirrors: ["https://mirror.example"], Secure: true, Official: true },
      "old.example:5000": { Name: "old.example:5000", Mirrors: [], Secure: false, Official: false },
      "lab:5000": { Name: "lab:5000", Mirrors: [], Secure: false, Official: false },
    },
    Mirrors: ["https://mirror.example"],
  });
});

test("a proxy's password is not told", () => {
  const proxies = { http: "http://me:secret@proxy:3128", https: "http://proxy:3128", noProxy: "localhost" };
  expect(registryInfo({ ...DEFAULT_REGISTRY_SETTINGS, proxies })).toMatchObject({
    HttpProxy: "http://xxxxx:xxxxx@proxy:3128/",
    HttpsProxy: "http://proxy:3128",
    NoProxy: "localhost",
  });
});
