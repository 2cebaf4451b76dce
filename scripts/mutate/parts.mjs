// What is changed, and which tests must notice, by the name of the part. Paths are below `packages/`.
const sources = (folder, names) => names.split(" ").map((name) => `${folder}/${name}.ts`);
const tests = (folder, names) => `${folder}/{${names.split(" ").join(",")}}.test.ts`;

const AUTH = "machine-auth/src";
const MINTER = "minter/src";
const PKI = "pki/src";

export const parts = {
  verifier: {
    sources: sources(AUTH, "verify-machine-token machine-token token-signature token-text"),
    tests: [
      tests(AUTH, "verify-machine-token machine-token machine-token-verifier verify-vectors token-text"),
      tests(AUTH, "canonical-proto remember-verdicts golden-vectors attacks"),
    ],
  },
  verdicts: {
    sources: sources(AUTH, "remember-verdicts verdict-cache"),
    tests: [tests(AUTH, "machine-token-verifier remember-verdicts verdict-cache attacks")],
  },
  delegation: {
    sources: sources(AUTH, "verify-delegation-token delegation-token delegation-token-verifier"),
    tests: [tests(AUTH, "verify-delegation-token delegation-token delegation-vectors remember-verdicts")],
  },
  trust: {
    sources: sources(AUTH, "open-trust-bundle pinned-ca signing-key trust-bundle numbered-revocation revocations"),
    tests: [
      tests(AUTH, "open-trust-bundle open-trust pinned-ca signing-key trust-bundle numbered-revocation revocations"),
      tests(AUTH, "readers-fuzz attacks certificates-document certificates-vectors trust-document"),
    ],
  },
  request: {
    sources: sources(
      `${MINTER}/machine-tokens`,
      "machine-token-request decode-mint-request request-signature machine-grant",
    ),
    tests: [
      tests(`${MINTER}/machine-tokens`, "algorithm-confusion machine-token-request machine-grant machine-name"),
      tests(`${MINTER}/machine-tokens`, "request-* decode-mint-request"),
      `${MINTER}/attacks.test.ts`,
    ],
  },
  machines: {
    sources: [
      ...sources(`${MINTER}/certificate-authorities`, "check-machine-certificate crl-order"),
      ...sources(`${MINTER}/machine-tokens`, "admit-certificate request-checks machine-name sign-machine-token"),
    ],
    tests: [
      tests(`${MINTER}/certificate-authorities`, "check-machine-certificate crl-order"),
      tests(`${MINTER}/machine-tokens`, "admit-certificate certificate-cache request-checks machine-name"),
      tests(`${MINTER}/machine-tokens`, "sign-machine-token machine-grant"),
    ],
  },
  callers: {
    sources: [
      ...sources(`${MINTER}/access`, "identify-caller bearer-credential client-certificate-credential"),
      ...sources(`${MINTER}/access`, "identity-set identity-glob groups realms"),
      ...sources(`${MINTER}/rpc`, "authenticate-caller require-admin"),
    ],
    tests: [`${MINTER}/access/*.test.ts`, tests(`${MINTER}/rpc`, "authenticate-caller require-admin")],
  },
  rules: {
    sources: [
      ...sources(`${MINTER}/delegation`, "delegation-rules mint-delegation-token delegation-request"),
      ...sources(`${MINTER}/service-accounts`, "account-grant service-account-request"),
      ...sources(`${MINTER}/project-tokens`, "mint-project-token project-token-request"),
    ],
    tests: [
      tests(`${MINTER}/delegation`, "delegation-rules mint-delegation-token delegation-request delegation-cases"),
      `${MINTER}/service-accounts/*.test.ts`,
      `${MINTER}/project-tokens/*.test.ts`,
    ],
  },
  certificates: {
    sources: [
      ...sources(PKI, "check-certificate certificate-trust path-profile path-search proven-path"),
      ...sources(PKI, "name-constraints list-revocation public-key signature"),
    ],
    tests: [
      tests(PKI, "check-certificate luci-verdicts path-profile path-search proven-path name-constraints"),
      tests(PKI, "list-revocation public-key signature policy-graph certificate extensions"),
    ],
  },
  crl: {
    sources: sources(PKI, "crl-document crl-entries check-crl"),
    tests: [tests(PKI, "crl-document crl-entries check-crl boringssl-crl list-revocation readers-fuzz")],
  },
};
