import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  createMethodImplSpec,
  createServiceImplSpec,
  type MethodImpl,
  type MethodImplSpec,
  type ServiceImpl,
} from "@connectrpc/connect";
import { createMethodUrl, type UniversalHandler, type UniversalHandlerOptions } from "@connectrpc/connect/protocol";

/** A method as it was registered: what runs it, and its limits. */
export interface UnaryMethod {
  readonly spec: MethodImplSpec & { kind: "unary" };
  readonly options: Partial<UniversalHandlerOptions>;
}

/** Looks like a router to those who register their methods, and remembers the unary ones: the last one counts. */
export class MethodCollector implements ConnectRouter {
  readonly handlers: UniversalHandler[] = [];
  /** By path, which begins with the prefix. */
  readonly methods: Map<string, UnaryMethod> = new Map();
  readonly #prefix: string;
  readonly #options: ConnectRouterOptions;

  constructor(prefix: string, options: ConnectRouterOptions) {
    this.#prefix = prefix;
    this.#options = options;
  }

  service<T extends DescService>(
    service: T,
    implementation: Partial<ServiceImpl<T>>,
    options?: Partial<UniversalHandlerOptions>,
  ): this {
    for (const spec of Object.values(createServiceImplSpec(service, implementation).methods)) this.#add(spec, options);
    return this;
  }

  rpc<M extends DescMethod>(
    method: M,
    implementation: MethodImpl<M>,
    options?: Partial<UniversalHandlerOptions>,
  ): this {
    this.#add(createMethodImplSpec(method, implementation), options);
    return this;
  }

  #add(spec: MethodImplSpec, options: Partial<UniversalHandlerOptions> = {}): void {
    if (spec.kind !== "unary") return;
    this.methods.set(createMethodUrl(this.#prefix, spec.method), { spec, options: { ...this.#options, ...options } });
  }
}
