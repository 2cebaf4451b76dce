// Revocation lists: an entry point of its own, for those who look at revocation.
export { checkCrl, crlInForceUntil, type CrlTerms } from "./check-crl.js";
export { type Crl, type CrlScope, decodeCrl, MAX_CRL_BYTES, parseCrl } from "./crl-document.js";
export { indexEntries } from "./crl-entries.js";
export { type CrlCheckName, CrlError, type CrlErrorCode } from "./errors.js";
export { type IndexedCrl, revocationByLists } from "./list-revocation.js";
export { SerialIndex, type SerialIndexParts } from "./serial-index.js";
