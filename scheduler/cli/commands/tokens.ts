// punnet token: how nodes enrol, and how researchers and operators get a context file.
import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  CreateTokenRequest,
  CreateTokenResponse,
  ListTokensResponse,
  Token,
  TokenRole,
} from '../../../proto/gen/punnet/v1/token_service.ts';
import { allPages } from '../connection.ts';
import { contextText, writeContextFile } from '../context.ts';
import { badInput } from '../errors.ts';
import { tokensText } from '../print-nodes.ts';
import type { Session } from '../session.ts';
import { installLine } from '../install-line.ts';

interface CreateOptions {
  readonly node?: boolean;
  readonly researcher?: string;
  readonly operator?: string;
  readonly site?: string;
  readonly uses?: number;
  readonly expires?: string;
  readonly to?: string;
}

/** Adds the `token` commands. */
export function addTokenCommands(program: Command, session: Session): void {
  const token = program
    .command('token')
    .description('operators: who may enrol and who may ask')
    .addHelpText('after', '\nExample:\n  punnet token create --node --site attic');
  token
    .command('create')
    .description('make a token; its secret is shown once')
    .addOption(new Option('--node', 'a node may enrol').conflicts(['researcher', 'operator', 'to']))
    .addOption(new Option('--researcher <name>', 'may submit jobs').conflicts(['operator']))
    .option('--operator <name>', 'may do everything')
    .option('--site <id>', 'the site of the nodes (default: one of its own for each)')
    .option('--uses <count>', 'how many nodes may enrol with it (default 1)', wholeNumber)
    .option('--expires <span>', 'such as "30 days" (default 7 days)')
    .option('--to <file>', 'write the context file there instead of printing it')
    .addHelpText(
      'after',
      '\nExamples:\n  punnet token create --node --site attic --uses 4\n' +
        '  punnet token create --researcher alice --to alice.context',
    )
    .action(async (options: CreateOptions) => create(session, options));
  token
    .command('list')
    .description('the tokens, without their secrets')
    .addHelpText('after', '\nExample:\n  punnet token list')
    .action(async () => {
      await session.connected(async (connection) => {
        const method = connection.tokens.listTokens.bind(connection.tokens);
        const tokens = await allPages(
          (pageToken) => connection.call(method, { pageSize: 1000, pageToken }),
          (response) => response.tokens,
        );
        const kind = { name: 'ListTokensResponse', codec: ListTokensResponse };
        await session.show(kind, { tokens, nextPageToken: '' }, () =>
          tokensText(session.io, tokens),
        );
      });
    });
  token
    .command('revoke <token>')
    .description('end a token; what was enrolled or submitted with it stays')
    .addHelpText('after', '\nExample:\n  punnet token revoke t3')
    .action(async (tokenId: string) => {
      await session.connected(async (connection) => {
        const method = connection.tokens.revokeToken.bind(connection.tokens);
        const revoked = (await connection.call(method, { tokenId })).token;
        const shown = revoked ?? Token.fromPartial({ tokenId });
        const kind = { name: 'Token', codec: Token };
        await session.show(kind, shown, () => `revoked token ${shown.tokenId}\n`);
      });
    });
}

async function create(session: Session, options: CreateOptions): Promise<void> {
  const request = requestOf(options);
  await session.connected(async (connection) => {
    const method = connection.tokens.createToken.bind(connection.tokens);
    const response = await connection.call(method, request);
    if (request.role === TokenRole.NODE) return showNodeToken(session, response);
    const context = {
      name: request.name,
      endpoint: response.url === '' ? connection.endpoint : response.url,
      caPem: response.caPem,
      token: response.secret,
    };
    const hint = `give it to ${request.name} for "punnet context add"`;
    if (options.to === undefined) {
      session.io.out(contextText(context));
      session.io.err(`this context file is not shown again: ${hint}\n`);
      return;
    }
    await writeContextFile(options.to, context);
    const { name, endpoint } = context;
    await session.showValue(
      { file: options.to, name, endpoint },
      () => `wrote ${options.to}: ${hint}\n`,
    );
  });
}

async function showNodeToken(session: Session, response: CreateTokenResponse): Promise<void> {
  const { secret, url } = response;
  const kind = { name: 'CreateTokenResponse', codec: CreateTokenResponse };
  await session.show(kind, response, () => `${secret}\n`);
  if (session.isJson) return;
  const how = response.hasInstaller
    ? `on a Raspberry Pi, paste this line:\n${installLine(url, secret)}`
    : `on the node: punnet-agent enrol ${url} ${secret}`;
  session.io.err(`not shown again; ${how}\n`);
}

function requestOf(options: CreateOptions): CreateTokenRequest {
  const shared = { expiresIn: options.expires ?? '', siteId: options.site ?? '' };
  const uses = options.uses ?? 0;
  if (options.node === true) return { ...shared, role: TokenRole.NODE, name: '', uses };
  const name = options.researcher ?? options.operator;
  if (name === undefined) {
    throw badInput('wanted one of --node, --researcher NAME or --operator NAME, found none');
  }
  if (options.site !== undefined || uses !== 0) {
    throw badInput('--site and --uses are for --node only');
  }
  const isOperator = options.operator !== undefined;
  const role = isOperator ? TokenRole.OPERATOR : TokenRole.RESEARCHER;
  return { ...shared, role, name, uses };
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('wanted a whole number from 1.');
}
