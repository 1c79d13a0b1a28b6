import { isThere } from '../broker-questions.js';
import type { Check, Finding } from '../finding.js';
import { fail, ok, skip, warn } from '../finding.js';
import { judgeRights, no, yes } from './broker-rights.js';
import { atBroker } from './broker.check.js';

const STRANGER = 'varve-doctor.of-somebody-else';

/** Whether we hear Nova's notifications: without, all is found out too, but later. */
export const novaBroker: Check = {
  name: 'Nova’s broker',
  async run({ novaBroker: settings }) {
    if (settings === null) {
      return [
        skip('Nova’s broker', 'VARVE_NOVA_AMQP_URL is not set: what Nova does is seen at the next reconciliation'),
      ];
    }
    const { amqpUrl, exchange, queue, topics } = settings;
    return atBroker('Nova’s broker', amqpUrl, async (connection) => {
      const findings: Finding[] = [];
      if (await isThere(connection, 'exchange', exchange)) findings.push(ok('Nova’s exchange', exchange));
      else {
        findings.push(
          fail('Nova’s exchange', {
            found: `there is no ${exchange}`,
            advice:
              'Is this the vhost of Nova’s transport_url (or of [oslo_messaging_notifications] transport_url), and ' +
              'VARVE_NOVA_EXCHANGE its control_exchange? Nova makes it when it first comes up.',
          }),
        );
      }
      // oslo.messaging makes a queue for each topic and priority as soon as something is notified.
      const silent: string[] = [];
      for (const topic of topics) if (!(await isThere(connection, 'queue', `${topic}.info`))) silent.push(topic);
      if (silent.length < topics.length)
        findings.push(
          ok('notifications', `Nova has notified of ${topics.filter((one) => !silent.includes(one)).join(', ')}`),
        );
      else {
        findings.push(
          warn('notifications', {
            found: `Nova has never notified of anything (${topics.join(', ')})`,
            advice:
              'In nova.conf: [oslo_messaging_notifications] driver = messagingv2, [notifications] ' +
              'notification_format = both, notify_on_state_change = vm_and_task_state.',
          }),
        );
      }
      if (await isThere(connection, 'queue', queue)) findings.push(ok('our queue', queue));
      else
        findings.push(
          warn('our queue', { found: `${queue} is not there`, advice: 'The conductor makes it: start it.' }),
        );
      return [
        ...findings,
        ...(await judgeRights(
          'rights at Nova’s broker',
          connection,
          [...yes('configure', queue), ...yes('write', queue), ...yes('read', queue, exchange)],
          [...no('configure', exchange, STRANGER), ...no('write', exchange, STRANGER), ...no('read', STRANGER)],
        )),
      ];
    });
  },
};
