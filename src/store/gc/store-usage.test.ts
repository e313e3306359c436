import { expect, test } from "bun:test";
import { freedBytes, imageSizes, reclaimedBytes, type StoreReading, totalBytes } from "./store-usage.ts";

const reading: StoreReading = {
  layers: new Map([
    ["base", 100],
    ["one", 10],
    ["two", 20],
  ]),
  // A blob may have the digest that is also a layer's chain id.
  blobs: new Map([
    ["base", 50],
    ["config1", 1],
    ["config2", 2],
  ]),
  images: new Map([
    ["1", { layers: ["base", "one"], blobs: ["base", "config1"] }],
    ["2", { layers: ["base", "two"], blobs: ["base", "config2"] }],
  ]),
  layersInUse: new Set(),
  partialBytes: 5,
};

test("everything counts once", () => expect(totalBytes(reading)).toBe(188));

test("an image's size, and what it shares", () => {
  expect(Object.fromEntries(imageSizes(reading))).toEqual({
    "1": { bytes: 161, sharedBytes: 150 },
    "2": { bytes: 172, sharedBytes: 150 },
  });
});

test("what is shared becomes free with the last that needs it", () => {
  expect(Object.fromEntries(freedBytes(reading, ["1", "2"]))).toEqual({ "1": 11, "2": 172 });
  expect(Object.fromEntries(freedBytes(reading, ["2"]))).toEqual({ "2": 22 });
});

test("a layer below a container stays, its blob does not", () => {
  const inUse = { ...reading, layersInUse: new Set(["base", "one"]) };
  expect(Object.fromEntries(freedBytes(inUse, ["1", "2"]))).toEqual({ "1": 1, "2": 72 });
});

test("what is gone between two readings", () => {
  const after = { ...reading, layers: new Map([["base", 100]]), blobs: new Map([["base", 50]]) };
  expect(reclaimedBytes(reading, after)).toBe(33);
});
