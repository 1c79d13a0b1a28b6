"""Puts "Snapshots and rollback" into the menu of each instance in Horizon."""

from django.conf import settings
from horizon import tables
from openstack_dashboard.dashboards.admin.instances import tables as admin_tables
from openstack_dashboard.dashboards.admin.instances import views as admin_views
from openstack_dashboard.dashboards.project.instances import tables as project_tables
from openstack_dashboard.dashboards.project.instances import views as project_views


class SnapshotsAndRollback(tables.LinkAction):
    name = "varve"
    verbose_name = "Snapshots and rollback"
    attrs = {"target": "_blank", "rel": "noopener"}

    def get_link_url(self, server):
        return f"{settings.VARVE_URL}/instances/{server.id}"


def with_action(table):
    class Table(table):
        class Meta(table.Meta):
            row_actions = (*table.Meta.row_actions, SnapshotsAndRollback)

    return Table


# The lists take the table from their views, the pages of one instance from the module.
project_tables.InstancesTable = with_action(project_tables.InstancesTable)
project_views.IndexView.table_class = project_tables.InstancesTable
admin_tables.AdminInstancesTable = with_action(admin_tables.AdminInstancesTable)
admin_views.AdminIndexView.table_class = admin_tables.AdminInstancesTable
