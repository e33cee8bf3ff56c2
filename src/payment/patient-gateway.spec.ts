import { Metrics } from '../infra/metrics';
import { PatientGateway } from './patient-gateway';

describe('patient gateway', () => {
  it('leaves a silent provider alone, but for one who finds out', async () => {
    let asked = 0;
    const silence = () => {
      asked += 1;
      return new Promise<never>(() => undefined);
    };
    const metrics = new Metrics();
    const gateway = new PatientGateway({ start: silence, query: silence, refund: silence }, metrics, 20);
    const expectRefusal = () =>
      expect(gateway.query('reference')).rejects.toThrow('The payment provider does not answer');
    await Promise.all(Array.from({ length: 5 }, expectRefusal));
    for (let index = 0; index < 100; index++) await expectRefusal();
    expect(asked).toBeLessThan(10);
    expect(await metrics.scrape()).toContain('circuit_open{dependency="payments"} 1');
  });

  it('goes on asking one that refuses', async () => {
    let asked = 0;
    const refusal = () => {
      asked += 1;
      return Promise.reject(new Error('getaddrinfo EAI_AGAIN'));
    };
    const gateway = new PatientGateway({ start: refusal, query: refusal, refund: refusal }, new Metrics());
    for (let index = 0; index < 20; index++) {
      await expect(gateway.query('reference')).rejects.toThrow('The payment provider does not answer');
    }
    expect(asked).toBe(20);
  });
});
