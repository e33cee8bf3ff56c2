export { NotificationApiModule, NotificationModule, NotificationWorkerModule }
  from './notification.module';
export { Notifications } from './notifications';
