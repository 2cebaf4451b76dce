import { toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CertificateAuthorities, FetchCRLResponseSchema, GetCAStatusResponseSchema } from "@tokens/api/admin";
import { MalformedInput } from "@tokens/pki";
import { connectTo } from "./admin-client.js";
import { readCertificate, readInput } from "./certificate-files.js";
import { EXIT } from "./exit-code.js";

/** What the commands for CAs were asked. */
export interface CaOptions {
  readonly server?: string;
  readonly force?: true;
  readonly json?: true;
}

const clientOf = ({ server }: CaOptions) => createClient(CertificateAuthorities, connectTo(server));
const print = (line: unknown) =>
  void process.stdout.write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`);

/** Prints the CAs of the policy; the exit code. */
export async function listCas(options: CaOptions): Promise<number> {
  return orExitCode(async () => {
    const { cn } = await clientOf(options).listCAs({});
    for (const name of cn.toSorted()) print(options.json ? { cn: name } : name);
    return EXIT.ok;
  });
}

/** Prints what the server knows of a CA; the exit code. */
export async function showCa(name: string, options: CaOptions): Promise<number> {
  return orExitCode(async () => {
    const status = await clientOf(options).getCAStatus({ cn: name });
    if (!status.config) return refuse(`there never was a CA ${JSON.stringify(name)}`, options);
    const json = toJson(GetCAStatusResponseSchema, status, { alwaysEmitImplicit: true });
    print(options.json ? json : JSON.stringify(json, undefined, 2));
    return EXIT.ok;
  });
}

/** Prints what the server says of a certificate; the exit code. */
export async function checkWithServer(file: string, options: CaOptions): Promise<number> {
  const certificate = readOne(readInput(file, "certificate"));
  if (typeof certificate === "string") return refuse(certificate, options);
  return orExitCode(async () => {
    const base64 = Buffer.from(certificate)
      .toString("base64")
      .replace(/.{64}(?!$)/g, "$&\n");
    const certPem = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
    const { isValid, invalidReason } = await clientOf(options).checkCertificate({ certPem });
    const row = { file, ok: isValid, message: isValid ? null : invalidReason };
    print(options.json ? row : isValid ? `good     ${file}` : `refused  ${file}: ${invalidReason}`);
    return isValid ? EXIT.ok : EXIT.no;
  });
}

/** The certificate of a file in DER, or what is wrong with it. */
function readOne(bytes: Uint8Array): Uint8Array | string {
  try {
    return readCertificate(bytes).der;
  } catch (error) {
    if (error instanceof MalformedInput) return error.message;
    throw error;
  }
}

/** Has the server fetch a revocation list; the exit code. */
export async function fetchCrlNow(name: string, options: CaOptions): Promise<number> {
  return orExitCode(async () => {
    const response = await clientOf(options).fetchCRL({ cn: name, force: options.force ?? false });
    const json = toJson(FetchCRLResponseSchema, response);
    print(options.json ? json : JSON.stringify(json, undefined, 2));
    return EXIT.ok;
  }, CANNOT_TELL_OF_LIST);
}

function refuse(message: string, { json }: CaOptions): number {
  if (json) print({ ok: false, message });
  console.error(`tokens: ${message}`);
  return EXIT.no;
}

/** What a server says that cannot tell now, that has a bug or that is not reached: that is neither yes nor no. */
const CANNOT_TELL = [Code.Canceled, Code.Unknown, Code.DeadlineExceeded, Code.Internal, Code.Unavailable];
/** Of a list that it does not take the server says `unknown`, as LUCI's does: there it is a no. */
const CANNOT_TELL_OF_LIST = CANNOT_TELL.filter((code) => code !== Code.Unknown);

async function orExitCode(ask: () => Promise<number>, cannotTell: readonly Code[] = CANNOT_TELL): Promise<number> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    console.error(`tokens: ${error.rawMessage}`);
    return cannotTell.includes(error.code) ? EXIT.unknown : EXIT.no;
  }
}
