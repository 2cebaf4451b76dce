import { randomUUID } from "node:crypto";
import { type ContextKey, createContextKey } from "@connectrpc/connect";

/** The id that a call's refusal gets in the answer and in the log. Most calls need none: it is made when somebody asks. */
export class ReferenceId {
  #text: string | undefined = undefined;

  get text(): string {
    return (this.#text ??= newReferenceId());
  }
}

export const referenceIdKey: ContextKey<Pick<ReferenceId, "text">> = createContextKey(
  { text: "" },
  {
    description: "reference id",
  },
);

/**
 * An id that names one refusal: the second in which it is made, 8 hex digits, so that its record can be found without an
 * index, and 8 random ones.
 */
export function newReferenceId(clock: () => number = Date.now): string {
  const seconds = Math.floor(clock() / 1000);
  // The first eight digits of a UUID are random, and Node makes these in advance.
  return seconds.toString(16).padStart(8, "0").slice(-8) + randomUUID().slice(0, 8);
}

/** When a reference id was made, in Unix milliseconds; undefined for a text that is none. */
export function timeOfReferenceId(id: string): number | undefined {
  return /^[0-9a-f]{16}$/.test(id) ? Number.parseInt(id.slice(0, 8), 16) * 1000 : undefined;
}
