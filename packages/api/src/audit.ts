export {
  type DelegationToken,
  DelegationTokenSchema,
  type MachineToken,
  MachineTokenSchema,
  type ProjectToken,
  ProjectTokenSchema,
  type ServiceAccountToken,
  ServiceAccountTokenSchema,
} from "./gen/tokenserver/bq/audit_pb.js";
