{application,rabbit,
 [{description,"RabbitMQ"},
  {vsn,"3.12.4"},
  {id,"v3.12.4"}]}.
