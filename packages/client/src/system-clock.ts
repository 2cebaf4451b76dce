import type { Moment } from "./refresh-schedule.js";

const wallClock = Date.now;
const monotonicClock = performance.now.bind(performance);

/** This moment by the system's two clocks. */
export const systemClock = (): Moment => ({ wallMs: wallClock(), monotonicMs: monotonicClock() });
