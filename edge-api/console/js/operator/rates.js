// How fast each input is read: from where its reader stood some looks ago and where it stands now.

/** A rate is measured over so long, at most. */
const WINDOW_MS = 30_000;

const seen = [];

/** Notes a look. */
export function note(progress) {
  if (seen.at(-1)?.at_ms === progress.at_ms) return;
  seen.push(progress);
  while (seen.length > 2 && progress.at_ms - seen[0].at_ms > WINDOW_MS) seen.shift();
}

/** Records per second that a topology has read of a partition; null after the first look, which has nothing to compare with. */
export function rate(topology, topic, partition) {
  const [first, last] = [seen[0], seen.at(-1)];
  const seconds = (last.at_ms - first.at_ms) / 1_000;
  if (seconds <= 0) return null;
  const read = position(last, topology, topic, partition) - position(first, topology, topic, partition);
  // A reset moves a reader back; that is no reading.
  return Math.max(read, 0) / seconds;
}

function position({ items }, topology, topic, partition) {
  const shown = items.find((one) => one.topology === topology);
  const input = shown?.partitions.find((one) => one.topic === topic && one.partition === partition);
  return input?.committed ?? input?.first ?? 0;
}

/** All partitions of a topic together: `{ topic, partitions, lag, age, rate }`. */
export function byTopic({ topology, partitions }) {
  const topics = Map.groupBy(partitions, (one) => one.topic);
  return [...topics].map(([topic, inputs]) => {
    const rates = inputs.map((one) => rate(topology, topic, one.partition));
    return {
      topic,
      partitions: inputs,
      lag: inputs.reduce((sum, one) => sum + one.lag, 0),
      age: Math.max(...inputs.map((one) => one.time_lag_ms)),
      rate: rates.some((one) => one === null) ? null : rates.reduce((sum, one) => sum + one, 0),
    };
  });
}
