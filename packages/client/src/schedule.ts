export {
  decideRefresh,
  MIN_LIFETIME_MS,
  nextUpdateSeconds,
  type RefreshInputs,
  type RefreshReason,
} from "./decide-refresh.js";
export {
  afterFailure,
  afterSuccess,
  isUsable,
  lifeSince,
  type Moment,
  NO_TOKEN,
  refreshAfterMs,
  type RefreshState,
  refreshWaitMs,
  splayOf,
  type TokenLife,
} from "./refresh-schedule.js";
export { retryDelays } from "./retry.js";
