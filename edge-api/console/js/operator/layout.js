// A layered drawing of a directed graph: longest way from a source decides the column, neighbours decide the place in it.

const COLUMN_GAP = 48;
const ROW_GAP = 22;
/** Sweeps that bring neighbours closer; more change nothing in graphs of this size. */
const SWEEPS = 6;
const BEND = { width: 0, height: 14, bend: true };

/**
 * Places nodes `{ id, width, height }` and edges `{ from, to }`. Answers `{ width, height, nodes, edges }`: nodes with `x` and `y` of
 * their corner, edges with the points that they go through.
 */
export function layOut(nodes, edges) {
  const byId = new Map(nodes.map((node) => [node.id, { ...node }]));
  const known = edges.filter(({ from, to }) => byId.has(from) && byId.has(to) && from !== to);
  const columns = layers([...byId.values()], known);
  const chains = known.map((edge) => ({ edge, chain: bends(edge, byId, columns) }));
  order(columns, chains.map(({ chain }) => chain));
  const size = place(columns);
  const routed = chains.map(({ edge, chain }) => ({ ...edge, points: points(chain) }));
  return { ...size, nodes: [...byId.values()], edges: routed };
}

function layers(nodes, edges) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const ahead = withoutReturns(nodes, edges);
  const column = (node) => {
    node.column ??= ahead.filter(({ to }) => to === node.id).reduce((most, { from }) => Math.max(most, column(byId.get(from)) + 1), 0);
    return node.column;
  };
  nodes.forEach(column);
  const columns = [];
  nodes.forEach((node) => (columns[node.column] ??= []).push(node));
  return columns;
}

/** The edges but those that lead back to where one has come from: a topology may read what it writes. */
function withoutReturns(nodes, edges) {
  const returns = new Set();
  const seen = new Map();
  const visit = (id) => {
    seen.set(id, "under way");
    for (const edge of edges.filter(({ from }) => from === id)) {
      if (seen.get(edge.to) === "under way") returns.add(edge);
      else if (!seen.has(edge.to)) visit(edge.to);
    }
    seen.set(id, "done");
  };
  nodes.forEach(({ id }) => seen.has(id) || visit(id));
  return edges.filter((edge) => !returns.has(edge));
}

/** The nodes that an edge passes: its ends, and an invisible one in each column between them. */
function bends({ from, to }, byId, columns) {
  const [start, end] = [byId.get(from), byId.get(to)];
  const chain = [start];
  for (let column = start.column + 1; column < end.column; column += 1) {
    const bend = { ...BEND, column };
    columns[column].push(bend);
    chain.push(bend);
  }
  return [...chain, end];
}

function order(columns, chains) {
  const neighbours = new Map();
  const join = (one, other) => neighbours.set(one, [...(neighbours.get(one) ?? []), other]);
  for (const chain of chains) {
    for (let at = 1; at < chain.length; at += 1) {
      join(chain[at], chain[at - 1]);
      join(chain[at - 1], chain[at]);
    }
  }
  const index = new Map();
  const number = () => columns.forEach((column) => column.forEach((node, at) => index.set(node, (at + 0.5) / column.length)));
  number();
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const direction = sweep % 2 === 0 ? -1 : 1;
    columns.forEach((column) => {
      const weight = (node) => {
        const side = (neighbours.get(node) ?? []).filter((one) => Math.sign(one.column - node.column) === direction);
        return side.length === 0 ? index.get(node) : side.reduce((sum, one) => sum + index.get(one), 0) / side.length;
      };
      const weights = new Map(column.map((node) => [node, weight(node)]));
      column.sort((one, other) => weights.get(one) - weights.get(other));
    });
    number();
  }
}

function place(columns) {
  const heights = columns.map((column) => column.reduce((sum, node) => sum + node.height + ROW_GAP, -ROW_GAP));
  const height = Math.max(...heights, 0);
  let x = 0;
  columns.forEach((column, at) => {
    const width = Math.max(...column.map((node) => node.width));
    let y = (height - heights[at]) / 2;
    for (const node of column) {
      Object.assign(node, { x: x + (width - node.width) / 2, y });
      y += node.height + ROW_GAP;
    }
    x += width + COLUMN_GAP;
  });
  return { width: Math.max(x - COLUMN_GAP, 0), height };
}

function points(chain) {
  const middle = (node) => node.y + node.height / 2;
  return chain.flatMap((node, at) => {
    const [left, right] = [{ x: node.x, y: middle(node) }, { x: node.x + node.width, y: middle(node) }];
    if (at === 0) return [right];
    if (at === chain.length - 1) return [left];
    return [left, right];
  });
}
