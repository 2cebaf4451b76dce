import type { MachineIdentity } from "@tokens/machine-auth";
import { type Certificate, CertificateError, checkCertificate } from "@tokens/pki";
import type { ClientCertificateChecks } from "./access/credential-kinds.js";
import {
  checkMachineCertificate,
  type RevocationLists,
  type TrustedCertificate,
} from "./certificate-authorities/check-machine-certificate.js";
import type { CaPolicy } from "./certificate-authorities/ca-policy.js";
import { Refusal } from "./errors.js";
import { machineNameOf } from "./machine-tokens/machine-name.js";
import type { RevocationFeed } from "./trust/revocation-feed.js";

/** What decides about machines and their certificates. */
export interface MachineCheckParts {
  readonly policy: () => { readonly cas: CaPolicy };
  readonly revocations: RevocationLists;
  readonly feed: Pick<RevocationFeed, "whyRevoked">;
}

/** The questions that RPCs ask about a machine. */
export interface MachineChecks {
  /** Whether its CA vouches for a certificate. Throws a CertificateError. */
  byCa(certificate: Certificate, nowSeconds: number): TrustedCertificate;
  /** Why a machine that its CA vouches for must have no token all the same; undefined if it may. Throws Unavailable. */
  whyRevoked(trusted: TrustedCertificate, nowSeconds: number): string | undefined;
  /** Both. Throws a CertificateError, Unavailable. */
  complete(certificate: Certificate, nowSeconds: number): void;
  /** Those of a caller that shows a certificate in the handshake. */
  readonly ofClients: ClientCertificateChecks;
}

/** Puts the checks of machines together: by their CAs, and by the operators' revocations. */
export function machineChecks({ policy, revocations, feed }: MachineCheckParts): MachineChecks {
  const byCa = (certificate: Certificate, nowSeconds: number) =>
    checkMachineCertificate(certificate, policy().cas, revocations, nowSeconds);
  const whyRevoked = (trusted: TrustedCertificate, nowSeconds: number) =>
    feed.whyRevoked(machineOf(trusted), nowSeconds);
  const complete = (certificate: Certificate, nowSeconds: number) => {
    const reason = whyRevoked(byCa(certificate, nowSeconds), nowSeconds);
    if (reason !== undefined) throw new CertificateError("REVOKED", reason);
  };
  return { byCa, whyRevoked, complete, ofClients: clientChecks(policy, complete) };
}

/** A client's CA that is in the policy too may have revoked the certificate: then all of its checks are made. */
function clientChecks(
  policy: MachineCheckParts["policy"],
  complete: MachineChecks["complete"],
): ClientCertificateChecks {
  return {
    check: (certificate, clientCas, nowSeconds) => {
      const trust = { anchors: clientCas, intermediates: [], policy: {} };
      const ca = checkCertificate(certificate, trust, nowSeconds).path.at(-1);
      const known = policy().cas.get(ca?.subject.commonNames[0] ?? "");
      const isKnown = ca && known?.anchors.some(({ der }) => Buffer.compare(der, ca.der) === 0);
      if (isKnown) complete(certificate, nowSeconds);
    },
    nameOf: (certificate) => machineNameOf(certificate).fqdn,
  };
}

function machineOf({ certificate, ca }: TrustedCertificate): Pick<MachineIdentity, "machineFqdn" | "caId" | "certSn"> {
  const certSn = Buffer.from(certificate.serialMagnitude).toString("hex");
  return { machineFqdn: usableNameOf(certificate), caId: ca.uniqueId, certSn };
}

/** A certificate whose names are unusable is of no machine, and gets no token anyway. */
function usableNameOf(certificate: Certificate): string {
  try {
    return machineNameOf(certificate).fqdn;
  } catch (error) {
    if (error instanceof Refusal) return "";
    throw error;
  }
}
