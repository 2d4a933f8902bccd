// Tell CloudFormation how a custom resource's request went.
//
//     const response = require("cfn-response");
//     response.send(event, context, response.SUCCESS, { Answer: "42" });
//
// The object that is put to the request's ResponseURL is described under "Custom resource response
// objects" in the CloudFormation user guide. This file is placed beside inline code, so it needs
// nothing but Node.js.
"use strict";

const http = require("http");
const https = require("https");

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = function send(event, context, status, data, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: status,
    Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: data,
  });
  return new Promise((resolve) => {
    const finish = (what) => {
      console.log(what);
      // Handlers with callbacks end here; those that return a promise have no use for it.
      if (typeof context.done === "function") context.done();
      resolve();
    };
    const address = new URL(event.ResponseURL);
    const client = address.protocol === "http:" ? http : https;
    const request = client.request(address, {
      method: "PUT",
      // The link is signed for an empty content type.
      headers: { "content-type": "", "content-length": Buffer.byteLength(body) },
    });
    request.on("response", (response) => {
      response.resume();
      finish("CloudFormation was answered: " + response.statusCode);
    });
    request.on("error", (error) => finish("CloudFormation could not be answered: " + error.message));
    request.end(body);
  });
};
