import { reflect } from "@bufbuild/protobuf/reflect";
import {
  type CertificatePolicy as CertificatePolicyMessage,
  CertificatePolicy_State,
  CertificatePolicySchema,
} from "@tokens/api/config";
import type { CertificatePolicy, CheckState } from "@tokens/pki";
import { PolicyError } from "../policies/policy-problem.js";
import { readTextFormat } from "../policies/text-format.js";
import { placeOf, UnreadableText } from "../policies/text-places.js";

const STATES = new Map<unknown, CheckState>([
  [CertificatePolicy_State.OFF, "off"],
  [CertificatePolicy_State.REPORT, "report"],
]);

/** How strictly certificates are checked. The fields of the message are the names of the checks. */
export function certificatePolicyOf(message: CertificatePolicyMessage | undefined): CertificatePolicy {
  if (!message) return {};
  const states = reflect(CertificatePolicySchema, message);
  // What is not said, or said in a way that this version does not know, is enforced.
  return Object.fromEntries(states.fields.map((field) => [field.name, STATES.get(states.get(field)) ?? "enforce"]));
}

/** Reads a CertificatePolicy in text format. Throws a PolicyError that says where it cannot be read. */
export function readCertificatePolicy(text: string, file: string): CertificatePolicy {
  try {
    return certificatePolicyOf(readTextFormat(CertificatePolicySchema, text).message);
  } catch (error) {
    if (!(error instanceof UnreadableText)) throw error;
    const { line, column } = placeOf(text, error.offset);
    throw new PolicyError(`${file}:${line}:${column}: ${error.message}`, [], error);
  }
}
