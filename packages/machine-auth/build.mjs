// Puts what each entry point needs into few files: importing the package reads two instead of forty, and the time of an
// import is that of its files. Types stay as the compiler writes them; what entry points share is shared, so that an error of
// one is an error of the other.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { relative, resolve } from "node:path";
import { build } from "esbuild";

const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
const entryPoints = Object.values(exports).flatMap((entry) => entry["@tokens/source"] ?? []);
const options = {
  outdir: "dist",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: true,
};

/** Leaves sources that are in the shared file to it. */
const importFrom = ({ name, sources }) => ({
  name: "import-from-shared-file",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, importer, resolveDir }) => {
      if (path === `./${name}.js`) return { path, external: true };
      const source = relative(".", resolve(resolveDir, path.replace(/\.js$/, ".ts")));
      return importer !== "" && sources.has(source) ? { path: `./${name}.js`, external: true } : undefined;
    });
  },
});

/** Puts all sources of some entry points into one file that has all their names; a name that two of them have would be lost. */
async function share(name, entries) {
  const { metafile: read } = await build({ ...options, entryPoints: entries, write: false, metafile: true });
  const sources = new Set(Object.keys(read.inputs));
  const contents = [...sources].map((source) => `export * from "./${source}";`).join("\n");
  const { metafile } = await build({
    ...options,
    stdin: { contents, resolveDir: ".", sourcefile: `${name}.ts` },
    outdir: undefined,
    outfile: `dist/${name}.js`,
    metafile: true,
  });
  const names = new Set(metafile.outputs[`dist/${name}.js`].exports);
  for (const source of sources) {
    for (const [, found] of readFileSync(source, "utf8").matchAll(
      /^export (?:async )?(?:function|class|const) (\w+)/gm,
    )) {
      if (!names.has(found)) throw new Error(`two files of ${name} export ${found}`);
    }
  }
  return { name, sources };
}

/** An entry point whose sources are all shared says which of their names are its own. */
const nameOnly = ({ name, sources }) => ({
  name: "name-only",
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/[\w-]+\.ts$/ }, async ({ path }) => {
      if (!sources.has(relative(".", path))) return undefined;
      const { metafile } = await build({ ...options, entryPoints: [path], write: false, metafile: true });
      const names = Object.values(metafile.outputs).flatMap(({ exports: own }) => own);
      return { contents: `export { ${names.join(", ")} } from "./${name}.js";`, resolveDir: "." };
    });
  },
});

for (const name of readdirSync("dist")) if (/\.js(\.map)?$/.test(name)) rmSync(`dist/${name}`);
const sharingEntries = ["index", "machine-token", "delegation-token", "trust-bundle"];
const shared = await share(
  "shared",
  sharingEntries.map((name) => `./src/${name}.ts`),
);
await build({ ...options, entryPoints, splitting: true, plugins: [importFrom(shared), nameOnly(shared)] });
