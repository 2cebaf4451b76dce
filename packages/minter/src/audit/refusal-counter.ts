import type { AuditEntry } from "./audit-log.js";

/** Most rows of one summary; what does not fit is counted together. */
const MAX_ROWS = 500;

/**
 * Counts refusals of strangers. They cost their senders nothing, so that a record for each would fill the store; one
 * summary a minute, of bounded size, says what was refused and from which networks.
 */
export class RefusalCounter {
  #rows = new Map<string, { method: string; reason: string; network: string; count: number }>();
  #others = 0;

  count(method: string, reason: string, peer: string): void {
    const network = networkOf(peer);
    const key = JSON.stringify([method, reason, network]);
    const row = this.#rows.get(key);
    if (row) row.count++;
    else if (this.#rows.size < MAX_ROWS) this.#rows.set(key, { method, reason, network, count: 1 });
    else this.#others++;
  }

  /** The summary since the last one, most frequent first; undefined when nothing was refused. */
  take(): AuditEntry | undefined {
    if (this.#rows.size === 0) return undefined;
    const refusals = [...this.#rows.values()].toSorted((a, b) => b.count - a.count);
    const others = this.#others;
    this.#rows = new Map();
    this.#others = 0;
    return { kind: "refusals", columns: { refusals, others } };
  }
}

/** The network of an address: the first 24 bits of IPv4, 48 of IPv6. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (plain.includes(":")) return `${expanded(plain).slice(0, 3).join(":")}::/48`;
  const octets = /^(\d+\.\d+\.\d+)\.\d+$/.exec(plain);
  return octets ? `${octets[1]}.0/24` : "local";
}

/** The eight groups of an IPv6 address. */
function expanded(address: string): string[] {
  const [front = "", back = ""] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const [left, right] = [groups(front), groups(back)];
  return [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0"), ...right];
}
