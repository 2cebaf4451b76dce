import type { Group } from "@tokens/api/config";

/** A nested entry that leads back to its own group. */
export interface GroupCycle {
  /** Index of the group. */
  readonly group: number;
  /** Index of the entry in its list of nested groups. */
  readonly entry: number;
  /** Names from the group to itself. */
  readonly cycle: readonly string[];
}

interface Step {
  readonly index: number;
  entry: number;
}

/** Finds the entries that close cycles, by one walk through all groups that visits each group once. */
export function findCycles(groups: readonly Group[]): GroupCycle[] {
  const indexes = new Map(groups.map(({ name }, index) => [name, index]));
  const finished = new Set<number>();
  const cycles: GroupCycle[] = [];
  for (const start of groups.keys()) {
    const path: Step[] = finished.has(start) ? [] : [{ index: start, entry: 0 }];
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const next = groups[step.index]?.nested[step.entry];
      if (next === undefined) {
        finished.add(step.index);
        path.pop();
        continue;
      }
      const entry = step.entry++;
      const index = indexes.get(next);
      if (index === undefined || finished.has(index)) continue;
      const from = path.findIndex((visited) => visited.index === index);
      if (from < 0) path.push({ index, entry: 0 });
      else cycles.push({ group: step.index, entry, cycle: namesOf(groups, path.slice(from), next) });
    }
  }
  return cycles;
}

function namesOf(groups: readonly Group[], path: readonly Step[], last: string): string[] {
  return [...path.map(({ index }) => groups[index]?.name ?? ""), last];
}
