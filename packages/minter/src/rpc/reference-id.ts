import { randomBytes } from "node:crypto";
import { type ContextKey, createContextKey } from "@connectrpc/connect";

/** The id that a call's refusal gets in the answer and in the log. */
export const referenceIdKey: ContextKey<string> = createContextKey("", { description: "reference id" });

/** An id that names one refusal: 16 random hex digits. */
export function newReferenceId(): string {
  return randomBytes(8).toString("hex");
}
