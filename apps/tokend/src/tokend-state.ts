/** What the agent notes down with a token. */
export interface TokendState {
  readonly inputsDigest: string;
  /** What the file system said of the inputs with this digest; absent where it could not be relied on. */
  readonly inputsStamp?: string | undefined;
}

/** The version of the notes, which is also what LUCI's agent calls its own. */
export const STATE_VERSION = "1.3";

/** The agent's notes as they stand in the file. */
export function encodeState({ inputsDigest, inputsStamp }: TokendState): string {
  const stamp = inputsStamp === undefined ? {} : { InputsStamp: inputsStamp };
  return Buffer.from(JSON.stringify({ InputsDigest: inputsDigest, Version: STATE_VERSION, ...stamp })).toString(
    "base64",
  );
}

/** Reads the agent's notes; undefined when there are none or they cannot be read. */
export function decodeState(text: string | undefined): TokendState | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text ?? "", "base64").toString("utf8"));
    if (typeof value !== "object" || value === null || !("InputsDigest" in value)) return undefined;
    if (typeof value.InputsDigest !== "string") return undefined;
    const stamp = "InputsStamp" in value && typeof value.InputsStamp === "string" ? value.InputsStamp : undefined;
    return { inputsDigest: value.InputsDigest, ...(stamp !== undefined && { inputsStamp: stamp }) };
  } catch {
    // Notes of another program, or damaged ones: the token counts as made from other inputs.
    return undefined;
  }
}
