import { MintError } from "./errors.js";

/** The codes of gRPC that matter here, by number. */
export const GRPC = {
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Connect's names of the codes, in the order of gRPC's numbers from 1 up. */
const NAMES = [
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

/** What an HTTP status means when the body says nothing, as in the Connect protocol. */
const STATUSES: Record<number, number> = {
  400: GRPC.internal,
  401: GRPC.unauthenticated,
  403: GRPC.permissionDenied,
  404: GRPC.unimplemented,
  429: GRPC.unavailable,
  502: GRPC.unavailable,
  503: GRPC.unavailable,
  504: GRPC.unavailable,
};

/** The gRPC code of an error of the Connect protocol: by its name, or else by the HTTP status. */
export function grpcCodeOf(name: unknown, status: number): number {
  const index = typeof name === "string" ? NAMES.indexOf(name) : -1;
  return index === -1 ? (STATUSES[status] ?? GRPC.unknown) : index + 1;
}

/** What a call came to that ended with this code. */
export function rpcError(grpcCode: number, words: string): MintError {
  const code = isTransient(grpcCode) ? "UNAVAILABLE" : "REFUSED";
  return new MintError(code, `rpc error: code ${grpcCode}: ${words}`, { grpcCode });
}

/** Whether a call that ended with this code is worth repeating. */
export function isTransient(grpcCode: number): boolean {
  const transient: number[] = [GRPC.internal, GRPC.unknown, GRPC.unavailable, GRPC.deadlineExceeded];
  return transient.includes(grpcCode);
}
