// Uses a deployed to-do list through the AWS SDK for JavaScript v3; prints what it found, as JSON.
const { CloudFormationClient, DescribeStacksCommand } = require("@aws-sdk/client-cloudformation");
const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { DynamoDBDocumentClient, PutCommand, QueryCommand } = require("@aws-sdk/lib-dynamodb");
const { InvokeCommand, LambdaClient } = require("@aws-sdk/client-lambda");
const { GetObjectCommand, PutObjectCommand, S3Client } = require("@aws-sdk/client-s3");

async function main(stackName) {
  const { Stacks: [stack] } = await new CloudFormationClient().send(
    new DescribeStacksCommand({ StackName: stackName }));
  const out = Object.fromEntries(stack.Outputs.map((o) => [o.OutputKey, o.OutputValue]));

  const table = DynamoDBDocumentClient.from(new DynamoDBClient());
  const item = { list: "js", id: "1", text: "written in JavaScript", tags: new Set(["a", "b"]), size: 1.5 };
  await table.send(new PutCommand({ TableName: out.Items, Item: item }));
  const { Items: items } = await table.send(new QueryCommand({
    TableName: out.Items,
    KeyConditionExpression: "#list = :list",
    ExpressionAttributeNames: { "#list": "list" },
    ExpressionAttributeValues: { ":list": "js" },
  }));

  const s3 = new S3Client({ forcePathStyle: true });
  await s3.send(new PutObjectCommand({ Bucket: out.Files, Key: "js/å b.txt", Body: "from JavaScript" }));
  const object = await s3.send(new GetObjectCommand({ Bucket: out.Files, Key: "js/å b.txt" }));

  const event = { httpMethod: "GET", path: "/items", pathParameters: null };
  const invoked = await new LambdaClient().send(new InvokeCommand({
    FunctionName: out.ItemsFunction, Payload: JSON.stringify(event), LogType: "Tail" }));

  console.log(JSON.stringify({
    status: stack.StackStatus,
    items: items.map((i) => ({ ...i, tags: [...i.tags].sort() })),
    text: await object.Body.transformToString(),
    invoked: JSON.parse(Buffer.from(invoked.Payload).toString()),
    log: Buffer.from(invoked.LogResult, "base64").toString(),
  }));
}

main(process.argv[2]).catch((error) => { console.error(error); process.exit(1); });
