export { NotificationApiModule, NotificationModule, NotificationWorkerModule }
  from './notification.module';
export { Notifications, type Notification } from './notifications';
