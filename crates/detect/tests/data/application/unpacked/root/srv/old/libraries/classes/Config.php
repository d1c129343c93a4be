<?php
namespace PhpMyAdmin;
class Config
{
    public function checkSystem()
    {
        $this->set('PMA_VERSION', '4.9.4');
    }
}
