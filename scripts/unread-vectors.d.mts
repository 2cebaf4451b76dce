export function compare(
  files: readonly string[],
  read: readonly string[],
  listed: readonly string[],
): { unread: string[]; listedInVain: string[] };
