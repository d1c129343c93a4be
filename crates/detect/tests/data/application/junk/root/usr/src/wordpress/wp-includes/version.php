<?php
$wp_version = getenv('WP_VERSION') ?: file_get_contents('6.4');
