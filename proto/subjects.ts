// Builds and parses every NATS subject, and says how large a message may be.

/** Bytes of the largest message that either side sends or takes. */
export const maxMessageBytes = 64 * 1024;

/** What the scheduler listens to: all messages of all nodes. */
export const allNodesUp = 'punnet.v1.node.*.up';

/** Answers of all nodes to LAN tasks. */
export const allNodesLan = 'punnet.v1.node.*.lan';

/** Messages of all nodes' tasks. */
export const allNodesTask = 'punnet.v1.node.*.task';

/** Bytes of the largest message from one task to another. */
export const maxTaskMessageBytes = 4_096;

const nodeIdPattern = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether the text can be one token of a subject. */
export function isSubjectToken(text: string): boolean {
  return nodeIdPattern.test(text);
}

/** Where a node speaks. Throws a RangeError when the id is not one subject token. */
export function fromNodeSubject(nodeId: string): string {
  return `punnet.v1.node.${token(nodeId)}.up`;
}

/** Where a node answers LAN tasks. Throws a RangeError when the id is not one subject token. */
export function lanSubject(nodeId: string): string {
  return `punnet.v1.node.${token(nodeId)}.lan`;
}

/** Where a node sends what its tasks say. Throws a RangeError when the id is not one subject token. */
export function taskSubject(nodeId: string): string {
  return `punnet.v1.node.${token(nodeId)}.task`;
}

/** Where a node listens. Throws a RangeError when the id is not one subject token. */
export function toNodeSubject(nodeId: string): string {
  return `punnet.v1.to.${token(nodeId)}`;
}

/** The id of the node that spoke, or undefined when the subject is not one of a node's. */
export function parseFromNodeSubject(subject: string): string | undefined {
  return /^punnet\.v1\.node\.([A-Za-z0-9_-]{1,64})\.up$/.exec(subject)?.[1];
}

/** The id of the node that answered a LAN task, or undefined when the subject is another. */
export function parseLanSubject(subject: string): string | undefined {
  return /^punnet\.v1\.node\.([A-Za-z0-9_-]{1,64})\.lan$/.exec(subject)?.[1];
}

/** The id of the node whose task spoke, or undefined when the subject is another. */
export function parseTaskSubject(subject: string): string | undefined {
  return /^punnet\.v1\.node\.([A-Za-z0-9_-]{1,64})\.task$/.exec(subject)?.[1];
}

function token(nodeId: string): string {
  if (isSubjectToken(nodeId)) return nodeId;
  throw new RangeError(
    `node id ${JSON.stringify(nodeId)}: want 1 to 64 letters, digits, '_' or '-'; rename the node`,
  );
}
