/** The token file's content; unset fields are absent. Times are unix seconds. */
export interface TokenFile {
  readonly access_token?: string;
  readonly token_type?: string;
  readonly luci_machine_token?: string;
  readonly expiry?: number;
  readonly last_update?: number;
  readonly next_update?: number;
  readonly service_account_email?: string;
  readonly service_account_unique_id?: string;
  /** The agent's own notes, in base64. */
  readonly tokend_state?: string;
}

/** Keys in the order in which they are written, and whether they hold text or a time. */
const KEYS: readonly (readonly [keyof TokenFile, "text" | "time"])[] = [
  ["access_token", "text"],
  ["token_type", "text"],
  ["luci_machine_token", "text"],
  ["expiry", "time"],
  ["last_update", "time"],
  ["next_update", "time"],
  ["service_account_email", "text"],
  ["service_account_unique_id", "text"],
  ["tokend_state", "text"],
];

/** The text of a token file: protobuf's JSON with snake_case keys, 64-bit numbers as strings, unset fields left out. */
export function serializeTokenFile(file: TokenFile): string {
  const written = KEYS.filter(([key]) => file[key] !== undefined && file[key] !== "" && file[key] !== 0);
  return JSON.stringify(Object.fromEntries(written.map(([key]) => [key, String(file[key])])), undefined, 2);
}

/** Reads a token file. Throws an Error for what is not one: an unknown key makes it another program's file. */
export function parseTokenFile(text: string): TokenFile {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("not a JSON object");
  const file: Record<string, string | number> = {};
  for (const [key, content] of Object.entries(value)) {
    const kind = KEYS.find(([known]) => known === key)?.[1];
    if (kind === undefined) throw new Error("it has an unknown key");
    if (content !== null) file[key] = kind === "text" ? readText(content) : readTime(content);
  }
  return file;
}

function readText(content: unknown): string {
  if (typeof content !== "string") throw new Error("a text is not a string");
  return content;
}

function readTime(content: unknown): number {
  const text = typeof content === "number" ? String(content) : content;
  const number = typeof text === "string" && /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new Error("a time is not a whole number of seconds");
  return number;
}
