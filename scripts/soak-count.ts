/** How often a test repeats what it repeats: the full number in `pnpm soak NAME`, a share of it everywhere else. */
export function soakCount(full: number, share = 10): number {
  return process.env["TOKENS_SOAK"] === "1" ? full : Math.ceil(full / share);
}
