// How many of everything one sale needs. All work is counted in seconds of a core.

/** Of each, one may die. */
const atLeast = 2;
/** Who has bought of a larger sale no process learns: `SoldOutSales` of src/stock. */
const reservationsKnownAtMost = 100_000;
/**
 * One process reads the records, the others fetch what it found: 0.14 ms of Redis for 10,000 buyers
 * where reading took 17 ms (docs/adr/0020).
 */
const fetchShare = 1 / 120;
/** A process that says "sold out" from memory asks Redis so often whether it still may. */
const leasesPerSecond = 10;

/**
 * @param {object} sale as `readOptions` returns it
 * @param {Record<string, { value: number }>} figures as `readFigures` returns them
 * @returns {object} what to order, and how busy it would be; rates are per second, shares 0 to 1
 */
export function sizeOf(sale, figures) {
  const costs = costsOf(figures);
  const second = openingSecond(sale);
  const apiWork = second.refused * costs.api.refusal + second.held * costs.api.held
    + second.soldOut * (canKnow(sale) ? costs.api.soldOut : costs.api.held);
  const processes = sale.processes ?? Math.max(atLeast, wholeFrom(apiWork / sale.headroom));
  const redis = redisOf(sale, costs, second, processes);
  const database = databaseOf(sale, figures);
  return { processes, apiUtilization: apiWork / processes, ...redis, ...database,
    ...connectionsOf(sale, figures, processes, database.writers),
    ...volumesOf(sale, figures), ...machinesOf(sale, processes, redis, database) };
}

/** Requests of the whole crowd from one moment to another, in seconds after the opening. */
export function requestsBetween({ qps, decaySeconds }, from, to) {
  return qps * decaySeconds * (Math.exp(-from / decaySeconds) - Math.exp(-to / decaySeconds));
}

/** What one answer of each kind costs, in seconds of a core. */
export function costsOf(figures) {
  const cost = (name) => 1 / figures[name].value;
  const redis = cost('redisPerCore');
  return {
    api: { held: cost('apiPerCore'), soldOut: cost('soldOutPerCore'),
      refusal: cost('refusalsPerCore') },
    /** Of these, what the slot of the sale has to do itself. */
    redis, stock: Math.min(cost('reservesPerCore'), redis),
    record: cost('recordsPerCore'),
  };
}

/**
 * Work that one purchase leaves to the busiest Redis server. The stock of a sale is one slot and
 * stays together; what throttle and risk count is spread by user.
 */
export function hottestCost({ sales }, { redis, stock }, servers) {
  return stock * Math.ceil(sales / servers) / sales + (redis - stock) / servers;
}

/** Whether processes learn who has bought of a sold-out sale, and refuse the others from memory. */
export function canKnow({ units }) {
  return units <= reservationsKnownAtMost;
}

/**
 * Work of the busiest Redis server until every process knows by heart who has bought, all in all,
 * and each second from then on.
 */
export function knowingCost({ sales, units }, { record, stock }, servers, processes) {
  const together = Math.ceil(sales / servers);
  return { learning: units / sales * record * together * (1 + processes * fetchShare),
    perSecond: processes * leasesPerSecond * stock * together };
}

/** Orders a second that can be written, over all sales. */
export function writtenPerSecond({ sales }, figures, writers) {
  return Math.min(writers * figures.ordersPerWriter.value, sales * figures.ordersPerSale.value);
}

/** The rate of the opening itself, kept up for a second: nobody waits longer for his answer. */
function openingSecond({ qps, units, refusedInMemory }) {
  const refused = qps * refusedInMemory;
  const held = Math.min(units, qps - refused);
  return { refused, held, soldOut: qps - refused - held };
}

function redisOf(sale, costs, { held, soldOut }, processes) {
  const asked = held + (canKnow(sale) ? 0 : soldOut);
  const knowingOf = (servers) => {
    const { learning, perSecond } = knowingCost(sale, costs, servers, processes);
    return canKnow(sale) ? learning + perSecond : 0;
  };
  const workOf = (servers) => asked * hottestCost(sale, costs, servers) + knowingOf(servers);
  // With a server for each sale, more of them take nothing from the busiest slot.
  const [slotWork, knowingWork] = [asked * costs.stock / sale.sales, knowingOf(sale.sales)];
  const redisServers = sale.redisServers ?? (slotWork + knowingWork >= sale.headroom
    ? sale.sales + wholeFrom(asked * (costs.redis - costs.stock) / sale.headroom)
    : leastServers((servers) => workOf(servers) <= sale.headroom));
  return { redisServers, redisUtilization: workOf(redisServers), slotWork, knowingWork,
    askedPerSaleAtMost: sale.headroom / costs.stock };
}

/** 4.2 / 0.6 is a little more than 7 to a computer, and still no reason to buy an eighth. */
function wholeFrom(value) {
  return Math.ceil(value * (1 - 1e-9));
}

/** The work of the busiest never grows with their number: look for the first that is enough. */
function leastServers(isEnough) {
  let [few, enough] = [0, 1];
  while (!isEnough(enough)) [few, enough] = [enough, enough * 2];
  while (enough - few > 1) {
    const middle = Math.floor((few + enough) / 2);
    if (isEnough(middle)) enough = middle;
    else few = middle;
  }
  return enough;
}

function databaseOf(sale, figures) {
  const wanted = sale.units / sale.drainSeconds;
  const writable = sale.sales * figures.ordersPerSale.value;
  // Further writers would wait for the stock rows of these sales.
  const useful = Math.min(wanted / sale.headroom, writable) / figures.ordersPerWriter.value;
  const writers = sale.writers ?? Math.max(atLeast, wholeFrom(useful));
  const ordersPerSecond = writtenPerSecond(sale, figures, writers);
  return { writers, ordersPerSecond,
    databaseCores: ordersPerSecond / figures.databaseOrdersPerCore.value / sale.headroom };
}

function connectionsOf(sale, figures, processes, writers) {
  const inFlight = sale.qps * sale.answerSeconds;
  return { inFlight, inFlightPerProcess: inFlight / processes,
    redisConnections: (processes + writers) * figures.redisConnectionsPerProcess.value,
    databaseConnections: (processes + writers) * sale.databasePool };
}

function volumesOf(sale, figures) {
  const buyers = sale.buyers ?? Math.round(requestsBetween(sale, 0, 60));
  return { buyers, bitsInPerSecond: sale.qps * figures.bytesIn.value * 8,
    bitsOutPerSecond: sale.qps * figures.bytesOut.value * 8,
    redisBytes: sale.units * figures.bytesPerReservation.value
      + buyers * figures.bytesPerBuyer.value };
}

function machinesOf({ cores, hours, pricePerMachineHour }, processes, redis, database) {
  const machines = { application: Math.ceil((processes + database.writers) / cores),
    redis: Math.ceil(redis.redisServers / cores),
    database: Math.max(1, wholeFrom(database.databaseCores / cores)) };
  const all = machines.application + machines.redis + machines.database;
  return { machines, machineHours: all * hours,
    ...(pricePerMachineHour !== undefined && { price: all * hours * pricePerMachineHour }) };
}
