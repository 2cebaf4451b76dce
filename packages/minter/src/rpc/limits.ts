/** Longest a call may take, in milliseconds, whatever the caller announces. */
export const MAX_CALL_MS = 30_000;

/** Largest body of MintMachineToken, in bytes: a request holds one certificate of at most 16 KiB. */
export const MAX_MACHINE_TOKEN_REQUEST_BYTES: number = 64 * 1024;

/** Largest body of any other RPC, in bytes. */
export const MAX_REQUEST_BYTES: number = 256 * 1024;
