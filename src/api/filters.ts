/** Filters of list endpoints after decoding: each key with its values, in the client's order. */
export type Filters = ReadonlyMap<string, readonly string[]>;
