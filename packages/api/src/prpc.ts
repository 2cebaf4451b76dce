export {
  type ErrorDetails,
  ErrorDetailsSchema,
  type ResponseTooBig,
  ResponseTooBigSchema,
} from "./gen/luci/prpc/error_details_pb.js";
