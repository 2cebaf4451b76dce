import { MintError } from "@tokens/client/machine-token";
import { type MintCall, mintToken } from "../mint-token.js";
import { fail, type Finding, messageOf, pass } from "./check.js";

/** What to do about the server's refusals. */
const FIXES: Readonly<Record<string, string>> = {
  UNSUPPORTED_SIGNATURE: "this server does not take this kind of key: use an RSA key",
  BAD_TIMESTAMP: "set this machine's clock (NTP)",
  BAD_SIGNATURE: "use a key that the server takes: RSA of 2048 bits or more",
  UNTRUSTED_CERTIFICATE:
    "check with whoever runs the server: the CA, its revocation list, and what the certificate is for",
  BAD_NONCE: "this server wants requests that are good for once: give -server-name",
  WRONG_SERVER_NAME: "give the name that the server goes by as -server-name; who runs it knows it",
  BAD_AUDIENCE: "ask whoever runs the server which services -audience may name",
  BAD_TOKEN_ARGUMENTS: "let whoever runs the server list this machine's domain in known_domains",
};

/** What to do about the ends of a call, by gRPC's codes. */
const CALL_FIXES: Readonly<Record<number, string>> = {
  7: "something between this machine and the server refuses the call",
  12: "check -backend and -protocol: what answers there is no token server, or speaks another protocol",
  16: "something between this machine and the server asks for a credential",
};

/** Whether the server mints a token for this machine. The token is thrown away. */
export async function checkMint(call: MintCall, timeoutMs: number): Promise<Finding> {
  try {
    const { expirySeconds, serviceVersion } = await mintToken({ ...call, attempts: 1 }, timeoutMs);
    const minutes = Math.round((expirySeconds - call.clock() / 1000) / 60);
    return pass("mint", `${serviceVersion} minted a token for ${minutes} minutes`);
  } catch (error) {
    return fail("mint", messageOf(error), fixOf(error));
  }
}

function fixOf(error: unknown): string {
  const { errorCode = "", grpcCode = 0 } = error instanceof MintError ? error : {};
  return FIXES[errorCode] ?? CALL_FIXES[grpcCode] ?? "see the checks above, and the server's log";
}
