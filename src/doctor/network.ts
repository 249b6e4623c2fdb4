import { countOf } from '../count.ts';
import type { NetworkProbe } from '../dht/probe.ts';
import { bad, type Check, good, notChecked } from './check.ts';

/** Whether names resolve, anything answers, and enough nodes do. */
export function networkChecks(probe: NetworkProbe): Check[] {
  return [namesCheck(probe), udpCheck(probe), nodesCheck(probe)];
}

function namesCheck({ names, unresolved, noAddress }: NetworkProbe): Check {
  if (names.length === 0) return good('names', 'CCLINK_BOOTSTRAP holds addresses; no names are looked up.');
  if (noAddress !== null) return bad('names', noAddress);
  const found = names.length - unresolved.length;
  const rest = unresolved.length === 0 ? '' : ` (not ${unresolved.join(', ')})`;
  return good('names', `${found} of ${countOf(names.length, 'bootstrap name')} lead to an address${rest}.`);
}

function udpCheck({ asked, answered, roundTripMs, failure }: NetworkProbe): Check {
  if (answered > 0) {
    const after = roundTripMs === null ? '' : ` after ${Math.max(1, Math.round(roundTripMs))} ms`;
    return good('udp', `UDP gets through: a node answers${after}.`);
  }
  if (asked === 0 || failure === null) return notChecked('udp', 'UDP was not checked: there is no node to ask.');
  return bad('udp', failure);
}

function nodesCheck({ asked, answered, failure, milliseconds }: NetworkProbe): Check {
  if (answered === 0) return notChecked('nodes', 'Nodes were not counted: none answered.');
  if (failure !== null) return bad('nodes', failure);
  return good('nodes', `${answered} of ${countOf(asked, 'node')} answered, in ${(milliseconds / 1000).toFixed(1)} s.`);
}
