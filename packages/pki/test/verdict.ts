import { CertificateError } from "../src/errors.js";

/** A verdict in one word: "trusted", or the code, with the name of the check after PROFILE. */
export function verdictOf(check: () => unknown): string {
  try {
    check();
    return "trusted";
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return error.policy === undefined ? error.code : `${error.code} ${error.policy}`;
  }
}
