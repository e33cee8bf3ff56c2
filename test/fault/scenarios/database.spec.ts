import { scenario } from '../support/scenario';

scenario('MariaDB is killed and started again: purchases go on, all become orders',
  { row: 'MariaDB kill -9, restarted', short: true }, async (stage) => {
    await stage.pass(stage.random.integer(0, 300));
    await stage.inject('MariaDB is killed', () => stage.servers.killMariadb());
    await stage.crowd.acknowledge(60);
    await stage.heal(() => stage.servers.startMariadb());
  });
