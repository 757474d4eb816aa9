// At which site a node is: an operator's word, its token's, the address it connects from.

import { describe, expect, it, test } from 'vitest';
import { imageOf, nodeId, siteId, stateOf } from '../../../../scheduler/core/index.ts';
import { natGroupMost } from '../../../../scheduler/core/limits.ts';
import { Homes } from './homes.ts';

type Step = (homes: Homes) => void;

const come =
  (name: string, address: string, site?: string): Step =>
  (homes) =>
    homes.come(name, address, site);
const move =
  (name: string, address: string): Step =>
  (homes) =>
    homes.connect(name, address);
const wait =
  (minutes: number): Step =>
  (homes) =>
    homes.minutes(minutes);
const say =
  (name: string, site: string | null): Step =>
  (homes) => {
    if (site !== null && !homes.state.siteById.has(siteId(site))) homes.setSite(site, 10e6, 1e6);
    expect(homes.say(name, site)).toEqual({ kind: 'done' });
  };
const leave =
  (name: string): Step =>
  (homes) =>
    homes.disconnect(name);

/** The scheduler asked for it, and it was so. */
const prove =
  (server: string, fetcher: string): Step =>
  (homes) => {
    const ids = { serverId: nodeId(server), fetcherId: nodeId(fetcher) };
    homes.give({ kind: 'lanProved', ...ids });
  };

const dwell =
  (name: string, household: string | null): Step =>
  (homes) =>
    homes.dwell(name, household);

const carrier = [come('s', 'X', 'school'), come('l', 'X', 'library')];
const family = [come('a', 'X'), come('b', 'X')];
const atSchool = [come('a', 'X', 'school'), come('b', 'X', 'school')];

/** Behind a carrier's address, where nothing tells these two from their neighbours. */
const flat = [...carrier, come('a', 'X'), come('b', 'X')];
const together = [...flat, dwell('a', 'fig'), dwell('b', 'fig')];
const others = 's school token, l library token';

const owners: readonly (readonly [what: string, steps: readonly Step[], places: string])[] = [
  ['those whose owners say one word are together', together, 'a home-a owner, b home-a owner'],
  [
    'those who say another, or nothing, are not',
    [...flat, come('c', 'X'), dwell('a', 'fig'), dwell('b', 'pear')],
    'a home-a alone, b home-b alone, c home-c alone',
  ],
  [
    'until one takes it back, who goes',
    [...together, dwell('b', null)],
    'a home-a alone, b home-b alone',
  ],
  [
    'or both do',
    [...together, (homes) => homes.dwell('a', null), dwell('b', null)],
    'a home-a alone, b home-b alone',
  ],
  ['or one says another word', [...together, dwell('b', 'pear')], 'a home-a alone, b home-b alone'],
  ['or moves house', [...together, move('b', 'Y'), wait(11)], 'a home-a alone, b home-b alone'],
  [
    'the word outranks a LAN, whose nodes come along',
    [...flat, come('c', 'X'), prove('b', 'c'), dwell('a', 'fig'), dwell('b', 'fig')],
    'a home-a owner, b home-a owner, c home-a lan',
  ],
  [
    'an operator outranks it, and those who say it follow',
    [...together, say('b', 'attic')],
    'a attic owner, b attic operator',
  ],
];

describe('an owner’s word', () => {
  test.each(owners)('%s', (_, steps, places) => {
    const homes = new Homes();
    for (const step of steps) step(homes);
    expect(homes.places.slice(2).join(', ')).toBe(places);
    expect(homes.places.slice(0, 2).join(', ')).toBe(others);
  });

  it('claims no line of others: another address stays another site', () => {
    const homes = new Homes();
    for (const step of [come('a', 'X'), come('b', 'Y'), dwell('a', 'fig'), dwell('b', 'fig')]) {
      step(homes);
    }
    expect(homes.places).toEqual(['a home-a alone', 'b home-b alone']);
  });

  it('makes no second line of one: nodes of one home stay together, whatever they say', () => {
    const homes = new Homes();
    for (const step of [...family, dwell('a', 'fig'), dwell('b', 'pear')]) step(homes);
    expect(homes.places).toEqual(['a home-a nat', 'b home-a nat']);
  });

  it('takes with it to a named site only who says the same', () => {
    const homes = new Homes();
    for (const step of [...flat, dwell('s', 'fig'), dwell('a', 'fig')]) step(homes);
    expect(homes.places.slice(2)).toEqual(['a school owner', 'b home-b alone']);
  });

  it('holds over a restart, and is in the evidence', () => {
    const homes = new Homes();
    for (const step of together) step(homes);
    homes.state = stateOf(imageOf(homes.state));
    wait(30)(homes);
    expect(homes.places.slice(2)).toEqual(['a home-a owner', 'b home-a owner']);
    expect(homes.view.whySited(nodeId('a'))).toBe('its owner says that it is at one place with b');
    expect(homes.view.site(siteId('home-a'))?.evidence).toBe('2 by owner');
  });
});

const rows: readonly (readonly [what: string, steps: readonly Step[], places: string])[] = [
  ['one that is alone is a site of its own', [come('a', 'X')], 'a home-a alone'],
  ['two behind one address are one site', family, 'a home-a nat, b home-a nat'],
  ['two behind two are two', [come('a', 'X'), come('b', 'Y')], 'a home-a alone, b home-b alone'],
  ['a token names the site', atSchool, 'a school token, b school token'],
  [
    'who comes to a named site’s address is there',
    [come('a', 'X', 'school'), come('b', 'X')],
    'a school token, b school nat',
  ],
  [
    'and those that were there before learn its name',
    [...family, come('c', 'X', 'school')],
    'a school nat, b school nat, c school token',
  ],
  [
    'tokens that name two sites behind one address: a carrier’s, and nothing is told of others',
    [come('a', 'X', 'school'), come('b', 'X', 'library'), come('c', 'X'), come('d', 'X')],
    'a school token, b library token, c home-c alone, d home-d alone',
  ],
  [
    'those that were together before a carrier was known stay so',
    [...family, come('c', 'X', 'school'), come('d', 'X', 'library')],
    'a school nat, b school nat, c school token, d library token',
  ],
  [
    'a token’s site with two addresses is one site',
    [come('a', 'X', 'school'), come('b', 'Y', 'school'), wait(60)],
    'a school token, b school token',
  ],
  [
    'an operator’s word outranks a token',
    [...atSchool, say('b', 'attic')],
    'a school token, b attic operator',
  ],
  [
    'and tells those behind the same address',
    [...family, say('a', 'attic')],
    'a attic operator, b attic nat',
  ],
  [
    'until it is taken back: what is seen decides, and others stay together',
    [...family, say('a', 'attic'), say('a', null)],
    'a attic nat, b attic nat',
  ],
  [
    'or the token',
    [...atSchool, say('b', 'attic'), say('b', null)],
    'a school token, b school token',
  ],
  [
    'one that is alone is at a site of its own then',
    [come('a', 'X'), say('a', 'attic'), say('a', null)],
    'a home-a alone',
  ],
  [
    'who moves alone keeps its site: it may be a new address',
    [come('a', 'X'), move('a', 'Y'), wait(11)],
    'a home-a alone',
  ],
  [
    'a household whose address changes stays one site',
    [...family, move('a', 'Y'), wait(1), move('b', 'Y'), wait(12)],
    'a home-a nat, b home-a nat',
  ],
  [
    'so does a school’s',
    [...atSchool, move('a', 'Y'), move('b', 'Y'), wait(12)],
    'a school token, b school token',
  ],
  [
    'who leaves others behind has moved',
    [...family, move('b', 'Y'), wait(11)],
    'a home-a alone, b home-b alone',
  ],
  [
    'not before it is away for long enough',
    [...family, move('b', 'Y'), wait(9)],
    'a home-a nat, b home-a nat',
  ],
  [
    'nor when it is back in between',
    [...family, move('b', 'Y'), wait(6), move('b', 'X'), wait(1), move('b', 'Y'), wait(6)],
    'a home-a nat, b home-a nat',
  ],
  [
    'what its token said was of the other house',
    [...atSchool, move('b', 'Y'), wait(11)],
    'a school token, b home-b alone',
  ],
  [
    'it joins those of its new house',
    [...family, come('c', 'Y'), move('b', 'Y'), wait(11)],
    'a home-a alone, b home-c nat, c home-c nat',
  ],
  [
    'a school, too',
    [...family, come('c', 'Y', 'school'), move('b', 'Y'), wait(11)],
    'a home-a alone, b school nat, c school token',
  ],
  [
    'who was alone joins them, too',
    [come('a', 'X'), come('c', 'Y'), move('a', 'Y'), wait(11)],
    'a home-c nat, c home-c nat',
  ],
  [
    'but with a token that names another site it stays what that says',
    [come('a', 'X', 'school'), come('c', 'Y'), move('a', 'Y'), wait(11)],
    'a school token, c school nat',
  ],
  [
    'who moves behind a carrier’s address is a site of its own',
    [...family, come('c', 'Z', 'school'), come('d', 'Z', 'library'), move('b', 'Z'), wait(11)],
    'a home-a alone, b home-b alone, c school token, d library token',
  ],
  [
    'an operator’s word stays over a move',
    [...family, say('b', 'attic'), move('b', 'Y'), wait(30)],
    'a attic alone, b attic operator',
  ],
  [
    'the first of a house leaves it to the others and takes another site',
    [...family, move('a', 'Y'), wait(11)],
    'a home-a-2 alone, b home-a alone',
  ],
  [
    'behind a carrier’s address those of one LAN are together',
    [...carrier, come('c', 'X'), come('d', 'X'), come('e', 'X'), prove('c', 'd')],
    's school token, l library token, c home-c lan, d home-c lan, e home-e alone',
  ],
  [
    'at the site that the token of one of them names',
    [...carrier, come('c', 'X'), come('d', 'X'), prove('c', 'd'), prove('d', 'l')],
    's school token, l library token, c library lan, d library lan',
  ],
  [
    'but where tokens name two sites they stay what those say',
    [...carrier, come('c', 'X'), prove('c', 's'), prove('s', 'l')],
    's school token, l library token, c school lan',
  ],
  [
    'isolated Wi-Fi is one site, though no LAN is proved',
    [...family, come('c', 'X'), prove('a', 'b')],
    'a home-a nat, b home-a nat, c home-a nat',
  ],
  [
    'a proof of two that are apart by now says nothing',
    [...carrier, come('c', 'X'), come('d', 'Y'), prove('c', 'd')],
    's school token, l library token, c home-c alone, d home-d alone',
  ],
  [
    'a proof holds for the place where it was given',
    [
      ...carrier,
      come('c', 'X'),
      come('d', 'X'),
      prove('c', 'd'),
      move('d', 'Y'),
      wait(11),
      move('d', 'X'),
      wait(11),
    ],
    's school token, l library token, c home-c lan, d home-d alone',
  ],
  [
    'others that are switched off do not stay behind',
    [...family, leave('a'), wait(3), move('b', 'Y'), wait(11)],
    'a home-a alone, b home-a alone',
  ],
];

describe('where nodes are', () => {
  test.each(rows)('%s', (_, steps, places) => {
    const homes = new Homes();
    for (const step of steps) step(homes);
    expect(homes.places.join(', ')).toBe(places);
    // The same after a restart from a snapshot.
    homes.state = stateOf(imageOf(homes.state));
    homes.see();
    expect(homes.places.join(', ')).toBe(places);
  });

  it('what is seen again changes nothing that is kept', () => {
    const homes = new Homes();
    for (const step of [...family, come('c', 'X', 'school'), move('b', 'Y'), wait(11)]) step(homes);
    expect(homes.see().facts.map(({ kind }) => kind)).toEqual(['tunnelsHeard']);
  });

  it('more nodes than a house has are behind a carrier’s address', () => {
    const homes = new Homes();
    for (let number = 0; number <= natGroupMost; number += 1) homes.come(`n${number}`, 'X');
    expect(homes.places.at(-2)).toBe(`n${natGroupMost - 1} home-n0 nat`);
    expect(homes.places.at(-1)).toBe(`n${natGroupMost} home-n${natGroupMost} alone`);
  });
});

describe('an operator’s word is refused', () => {
  it('on a node or a site that is not there', () => {
    const homes = new Homes();
    homes.come('a', 'X');
    expect(homes.say('b', null)).toMatchObject({ code: 'not_found', field: 'node_id' });
    expect(homes.say('a', 'attic')).toMatchObject({
      ...{ code: 'not_found', field: 'site_id' },
      reason:
        'There is no site attic: make it first (punnet site set attic --down RATE --up RATE).',
    });
    expect(homes.places).toEqual(['a home-a alone']);
  });
});

const whys: readonly (readonly [why: string, steps: readonly Step[]])[] = [
  ['nobody else connects from its address', [come('a', 'X')]],
  ['it connects from the same address as b', family],
  ['its token names this site', atSchool],
  ['an operator said so', [...family, say('a', 'attic')]],
  [
    '2 other nodes of more than one site connect from its address, so it is a site of its own',
    [come('b', 'X', 'school'), come('c', 'X', 'library'), come('a', 'X')],
  ],
  ['it is on one LAN with b', [...carrier, come('a', 'X'), come('b', 'X'), prove('a', 'b')]],
  [
    'it connects from the same address as b; for 3 minutes it has connected from another address, which counts after 10 minutes',
    [...family, move('a', 'Y'), wait(4)],
  ],
];

describe('why a node is at its site is told', () => {
  test.each(whys)('%s', (why, steps) => {
    const homes = new Homes();
    for (const step of steps) step(homes);
    expect(homes.view.whySited(nodeId('a'))).toBe(why);
  });

  it('before its tunnel was seen', () => {
    const homes = new Homes();
    homes.token('token');
    homes.enrol('a', 'token');
    expect(homes.view.whySited(nodeId('a'))).toBe(
      'nothing says where it is, so it is a site of its own',
    );
  });

  it('and of a site how it is known of its nodes', () => {
    const homes = new Homes();
    for (const step of [...atSchool, come('c', 'X'), come('d', 'Y', 'school')]) step(homes);
    expect(homes.view.site(siteId('school'))?.evidence).toBe(
      '3 by token, 1 by address, 2 addresses',
    );
    // The one that c had before is nobody's.
    expect(homes.view.sites().map((site) => site.siteId)).toEqual(['school']);
  });
});
