/** A list is sent as the same key repeated. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** The path with its query behind it; what is undefined is left out, a truth is 1, an untruth 0. */
export function withQuery(path: string, query: Query): string {
  let result = path;
  let separator = "?";
  for (const key in query) {
    const value = query[key];
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      const text = item === true ? "1" : item === false ? "0" : String(item);
      result += `${separator}${key}=${encodeURIComponent(text)}`;
      separator = "&";
    }
  }
  return result;
}
